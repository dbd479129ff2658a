// A worker thread for each request: it may block, and the number comes back as a message.
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

if (isMainThread) serve()
else sendAll(workerData)

function serve() {
  // Threads share no variables in Node, but they can share bytes.
  const mailsSent = new Int32Array(new SharedArrayBuffer(4))

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => response.writeHead(400).end(error.message))
  })

  async function handle(request, response) {
    if (request.url === '/health') return response.end('ok')
    response.setHeader('content-type', 'application/json')
    if (request.url === '/stats') {
      return response.end(JSON.stringify({ mails_sent: Atomics.load(mailsSent, 0) }))
    }

    const { emails } = await json(request)
    const worker = new Worker(new URL(import.meta.url), { workerData: { emails, mailsSent } })
    worker.on('message', (counter) => console.error(`Number of mails sent ${counter}`))
    const why = 'error: cannot send the rest of a request'
    worker.on('error', (error) => console.error(`${why}: ${error.message}`))
    response.end(JSON.stringify({ status: true, sent: true }))
  }

  server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
    console.log(`listening on http://127.0.0.1:${server.address().port}`)
  })
}

function sendAll({ emails, mailsSent }) {
  let counter = 0
  for (const mail of emails) {
    try {
      execFileSync('sendmail', ['-i', '--', mail.to], { input: mail.text })
      counter += 1
      Atomics.add(mailsSent, 0, 1)
    } catch (error) {
      console.error(`error: cannot send the mail to ${mail.to}: ${error.message}`)
    }
  }
  parentPort.postMessage(counter)
}
