// Forks the program that the first argument names, sends it the second argument, prints what comes back.
import { fork } from 'node:child_process'

const [program, text] = process.argv.slice(2)
const child = fork('child', [], { execPath: program, execArgv: [] })
child.on('message', (answer) => {
  console.log(JSON.stringify(answer))
  child.disconnect()
})
child.on('exit', (code, signal) => console.log(`exit ${signal ?? code}`))
child.send({ text })
