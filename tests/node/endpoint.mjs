// The mails are sent inside the handler with a blocking call:
// meanwhile, Node's only thread answers no one.
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'

const server = createServer((request, response) => {
  // Without the catch, a body that isn't JSON would crash the process: nothing else handles that rejection.
  handle(request, response).catch((error) => response.writeHead(400).end(error.message))
})

async function handle(request, response) {
  if (request.url === '/health') return response.end('ok')

  const { emails } = await json(request)
  let counter = 0
  for (const mail of emails) {
    try {
      execFileSync('sendmail', ['-i', '--', mail.to], { input: mail.text })
      counter += 1
    } catch (error) {
      console.error(`error: cannot send the mail to ${mail.to}: ${error.message}`)
    }
  }
  console.error(`Number of mails sent ${counter}`)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ status: true, sent: true }))
}

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
