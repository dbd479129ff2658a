// What Node calls fork: the same program once more, from its first line, with a channel to talk over.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

let counter = 10

if (process.send) {
  // We are the child. Nothing of the parent's memory is here: counter is 10 because line 5 has run again.
  counter += 5
  process.send({ process: 'child', pid: process.pid, parent: process.ppid, counter })
  process.disconnect()
} else {
  counter += 90 // before the fork, and the child will not see it
  const child = fork(fileURLToPath(import.meta.url))
  child.on('message', (report) => {
    console.log(JSON.stringify(report))
    console.log(JSON.stringify({ process: 'parent', pid: process.pid, parent: process.ppid, counter }))
  })
  child.on('exit', (code, signal) => console.log(`child ${child.pid} ended: ${signal ?? code}`))
}
