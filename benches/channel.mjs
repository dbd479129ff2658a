// The same measurements with child_process.fork. Runs on Node, Bun and Deno.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const now = () => performance.now()
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]

if (process.argv[2] === 'child') {
  process.on('message', (message) => {
    if (message.last !== false) process.send(message)
  })
  process.send('ready')
} else if (process.argv[2] === 'sizes') {
  console.log(JSON.stringify(await sizes(process.argv[3].split(',').map(Number))))
  process.exit(0)
} else {
  const [forks, roundTrips, oneWay, large] = process.argv.slice(2).map(Number)
  console.log(JSON.stringify(await measure(forks, roundTrips, Math.ceil(oneWay / 5), large)))
  process.exit(0)
}

async function measure(forks, roundTrips, oneWay, large) {
  const times = []
  for (let n = 0; n < forks; n += 1) {
    const begin = now()
    const child = await start()
    times.push(now() - begin)
    const exit = once(child, 'exit')
    child.disconnect()
    await exit
  }
  const child = await start()
  await trips(child, 1)
  const [idle, threads, descriptors] = [resident(child.pid), entries(child.pid, 'task'), entries(child.pid, 'fd')]
  await trips(child, Math.ceil(roundTrips / 10))
  const figures = {
    fork_ms: median(times),
    round_trip_us: await trips(child, roundTrips),
    one_way_millions: await flood(child, oneWay),
    addresses_ms: await addresses(child, large),
    idle_worker_mb: idle,
    threads,
    descriptors,
  }
  child.disconnect()
  return figures
}

async function start() {
  const child = fork(fileURLToPath(import.meta.url), ['child'])
  await once(child, 'message')
  return child
}

async function trips(child, count) {
  const begin = now()
  for (let n = 0; n < count; n += 1) {
    const answer = once(child, 'message')
    child.send({ n })
    await answer
  }
  return ((now() - begin) * 1000) / count
}

// Waits now and then for what is queued: without that, the queue would grow without bound.
async function flood(child, count) {
  const begin = now()
  const answer = once(child, 'message')
  for (let n = 1; n <= count; n += 1) {
    const message = { count: n, last: n === count }
    if (n % 1000 === 0) await new Promise((sent) => child.send(message, sent))
    else child.send(message)
  }
  await answer
  return count / (now() - begin) / 1000
}

function addresses(child, repetitions) {
  const message = { addresses: Array.from({ length: 100_000 }, (_, n) => `reader.${n}@example.org`) }
  return time(child, message, repetitions)
}

// How long this message takes there and back, in milliseconds; the median.
async function time(child, message, repetitions) {
  const times = []
  for (let n = 0; n < repetitions; n += 1) {
    const begin = now()
    const answer = once(child, 'message')
    child.send(message)
    await answer
    times.push(now() - begin)
  }
  return median(times)
}

// How long a message of each size takes, there and back.
async function sizes(bytes) {
  const child = await start()
  const figures = []
  for (const size of bytes) {
    const message = { text: 'a'.repeat(size) }
    const repetitions = Math.min(Math.max(Math.floor(2 ** 24 / size), 3), 200)
    figures.push(await time(child, message, repetitions))
  }
  child.disconnect()
  return figures
}

function entries(pid, folder) {
  try {
    return readdirSync(`/proc/${pid}/${folder}`).length
  } catch {
    return null
  }
}

function resident(pid) {
  try {
    const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)
    return (Number(line[1]) * 1024) / 1e6
  } catch {
    return null
  }
}
