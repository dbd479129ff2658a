// The article's server with Express: a request forks send_mail and is answered at once.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import express from 'express'

const sendMail = fileURLToPath(new URL('send_mail.mjs', import.meta.url))
const app = express()
app.use(express.json({ limit: '1mb' }))

app.get('/health', (request, response) => response.send('ok'))

app.post('/endpoint', (request, response) => {
  const child = fork(sendMail)
  child.send({ mails: request.body.emails })
  child.on('message', (message) => {
    console.error(`Number of mails sent ${message.counter}`)
    child.disconnect()
  })
  response.json({ status: true, sent: true })
})

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
