// The article's send_mail, in plain Node: a forked child that
// is sent a list of mails and answers with a count.
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const server = new URL(process.env.SMTP_URL ?? 'smtp://127.0.0.1:2525')

process.on('message', async (job) => {
  let counter = 0
  for (const mail of job.mails) {
    try {
      await sendOne(mail)
      counter += 1
    } catch (error) {
      console.error(`error: cannot send the mail to "${mail.to}": ${error.message}`)
    }
  }
  process.send({ counter })
})

// Ctrl-C reaches parent and child alike. The parent decides: it disconnects when the work is done.
process.on('SIGINT', () => {})

// One SMTP conversation (RFC 5321): say a line, wait for the code that means "go on".
async function sendOne(mail) {
  const socket = connect(Number(server.port || 25), server.hostname)
  try {
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    const expect = async (code) => {
      for (;;) {
        const { value: line, done } = await lines.next()
        if (done) throw new Error('the server closed the connection')
        if (line[3] === '-') continue // one of several lines
        if (!line.startsWith(code)) throw new Error(line)
        return
      }
    }
    const say = (line, code) => {
      socket.write(`${line}\r\n`)
      return expect(code)
    }
    await expect('220')
    await say('EHLO localhost', '250')
    await say(`MAIL FROM:<${mail.from}>`, '250')
    await say(`RCPT TO:<${mail.to}>`, '250')
    await say('DATA', '354')
    await say(letter(mail), '250')
    socket.write('QUIT\r\n')
  } finally {
    socket.end()
  }
}

function letter({ from, to, subject, text }) {
  if (/[\r\n]/.test(subject)) throw new Error('the subject has more than one line')
  const body = text.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..')
  return `From: ${from}\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${body}\r\n.`
}
