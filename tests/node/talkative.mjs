// send_mail in the hands of a process manager: it says "ready"
// first, and reports how far it is before it answers.
import './send_mail.mjs'

process.on('message', (job) => process.send({ progress: 0, mails: job.mails.length }))
process.send('ready')
