// A forked child that answers every message with its pid and the message.
process.on('message', (echo) => process.send({ pid: process.pid, echo }))
