// One child after another: execFileSync returns when the child has exited, and not before.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const job = JSON.parse(readFileSync(0, 'utf8'))
let counter = 0
for (const mail of job.mails) {
  try {
    // After `--`, nothing is parsed as an option, even if an address starts with a dash.
    execFileSync('sendmail', ['-i', '--', mail.to], { input: mail.text })
    counter += 1
  } catch (error) {
    console.error(`error: cannot send the mail to ${mail.to}: ${error.message}`)
  }
}
console.log(JSON.stringify({ counter }))
