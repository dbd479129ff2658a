// The article's server, in plain Node: for each request, it forks send_mail and answers right away.
import { fork } from 'node:child_process'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const sendMail = fileURLToPath(new URL('send_mail.mjs', import.meta.url))
// WORKER_EXEC is another program in the worker's place: our Rust worker, for example.
const module = process.env.WORKER_MODULE ?? sendMail
const execPath = process.env.WORKER_EXEC ?? process.execPath

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => {
    // As in the article, a body that isn't JSON ends this server: nothing catches the error.
    const { emails } = JSON.parse(body)
    const child = fork(module, [], { execPath, execArgv: [] })
    child.send({ mails: emails })
    child.on('message', (message) => {
      console.error(`Number of mails sent ${message.counter}`)
      child.disconnect()
    })
    child.on('exit', (code, signal) => console.error(`worker ${child.pid} ended: ${signal ?? code}`))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ status: true, sent: true }))
  })
})

server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
