// A worker on a pipe: one JSON document per line comes in, and one goes out. stdout belongs to the messages.
import { createInterface } from 'node:readline'

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue
  const echo = JSON.parse(line)
  process.stdout.write(JSON.stringify({ pid: process.pid, echo }) + '\n')
}
