// Runs one program and reports how it finished: node spawn.mjs PROGRAM [ARGUMENT…]
import { execFile } from 'node:child_process'

const [program, ...args] = process.argv.slice(2)

const child = execFile(program, args, (error, stdout, stderr) => {
  let ended = { exit: 0 }
  if (error?.signal) ended = { signal: error.signal } // 'SIGKILL'
  else if (error?.code === 'ENOENT') ended = { error: 'not found' }
  else if (typeof error?.code === 'string') ended = { error: error.message }
  else if (error) ended = { exit: error.code }
  console.log(JSON.stringify({ pid: child.pid ?? null, ended, stdout, stderr }))
})
child.stdin?.end() // Otherwise a child that reads stdin waits for it, since Node makes a pipe there.
