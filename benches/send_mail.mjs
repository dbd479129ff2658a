// The article's send_mail with nodemailer as its users use it when they want speed: pooled.
import nodemailer from 'nodemailer'

const connections = Number(process.env.SMTP_CONNECTIONS ?? 4)
const { hostname: host, port } = new URL(process.env.SMTP_URL ?? 'smtp://127.0.0.1:2525')

process.on('message', async (job) => {
  const pool = { pool: true, maxConnections: connections, maxMessages: Infinity }
  const transport = nodemailer.createTransport({ host, port: Number(port), secure: false, ignoreTLS: true, ...pool })
  const outcomes = await Promise.allSettled(job.mails.map((mail) => transport.sendMail(mail)))
  transport.close()
  process.send({ counter: outcomes.filter((outcome) => outcome.status === 'fulfilled').length })
})
