// Many mails in flight on one thread: each `await` lets the event loop serve others.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'

const smtp = new URL(process.env.SMTP_URL ?? 'smtp://127.0.0.1:2525')
const waiting = []
let permits = Number(process.env.SMTP_CONNECTIONS ?? 4)
let mailsSent = 0

const server = createServer((request, response) => {
  handle(request, response).catch((error) => response.writeHead(400).end(error.message))
})

async function handle(request, response) {
  if (request.url === '/health') return response.end('ok')
  response.setHeader('content-type', 'application/json')
  if (request.url === '/stats') return response.end(JSON.stringify({ mails_sent: mailsSent }))

  const { emails } = await json(request)
  Promise.all(emails.map(sendInTurn)).then((accepted) => {
    console.error(`Number of mails sent ${accepted.filter(Boolean).length}`)
  })
  response.end(JSON.stringify({ status: true, sent: true }))
}

async function sendInTurn(mail) {
  if (permits > 0) permits -= 1
  else await new Promise((resolve) => waiting.push(resolve))
  try {
    await send(mail)
    mailsSent += 1
    return true
  } catch (error) {
    console.error(`error: cannot send the mail to ${mail.to}: ${error.message}`)
    return false
  } finally {
    // The permit goes to the mail that has waited longest.
    const next = waiting.shift()
    if (next) next()
    else permits += 1
  }
}

async function send({ from, to, subject, text }) {
  // A line break here would let the sender of the request inject SMTP commands.
  if (/[\r\n]/.test(from + to + subject)) throw new Error('an address or the subject has more than one line')
  const socket = connect(Number(smtp.port || 25), smtp.hostname)
  try {
    await once(socket, 'connect')
    socket.on('error', () => {})
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    await answer(lines, '220')
    for (const [command, code] of [
      ['EHLO localhost', '250'],
      [`MAIL FROM:<${from}>`, '250'],
      [`RCPT TO:<${to}>`, '250'],
      ['DATA', '354'],
      [letter({ from, to, subject, text }), '250'],
    ]) {
      socket.write(`${command}\r\n`)
      await answer(lines, code)
    }
    socket.end('QUIT\r\n')
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function answer(lines, code) {
  let line
  do line = (await lines.next()).value
  while (line?.[3] === '-')
  if (!line?.startsWith(code)) throw new Error(line ?? 'the connection was closed')
}

// A line that begins with a dot gets a second one, since a dot alone ends the letter (RFC 5321, 4.5.2).
function letter({ from, to, subject, text }) {
  const body = text.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..')
  return `From: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${body}\r\n.`
}

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
