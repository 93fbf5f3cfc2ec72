/**
 * Loss: sends 2000 numbered datagrams, and asks afterwards how many arrived.
 *
 *   npm run 03:loss:client
 */
import { randomUUID } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnanswered } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 03:loss:server'
const options = readOptions({
  command: 'npm run 03:loss:client',
  does: 'Sends numbered datagrams to a busy server and compares what was sent with what came.',
  flags: {
    host,
    port: { ...port(7032, 'UDP port'), min: 1 },
    datagrams: { default: 2000, min: 1, max: 100_000, help: 'how many to send' },
    bytes: { default: 1000, min: 16, max: 65_507, help: 'length of each' },
    'timeout-ms': { default: 10_000, min: 1, max: 60_000, help: 'how long to wait for an answer' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
socket.on('error', error => exitCannotConnect(error, where, serverCommand))
socket.connect(options.port, options.host)
await once(socket, 'connect')

await ask(`start ${randomUUID()}`)

let errors = 0
const sent: Promise<void>[] = []
for (let number = 0; number < options.datagrams; number++) {
  const datagram = Buffer.alloc(options.bytes)
  datagram.writeUInt32BE(number)
  sent.push(
    new Promise(done =>
      socket.send(datagram, error => {
        if (error) errors++
        done()
      }),
    ),
  )
}
await Promise.all(sent)
console.log(`sent ${options.datagrams} datagrams of ${options.bytes} bytes, ${errors} errors`)

const [, received, dropped] = /^received (\d+) dropped (\S+)$/.exec(await ask('report')) ?? []
const missing = options.datagrams - Number(received)
console.log(`server received ${received}, ${missing} are missing`)
if (dropped === 'NaN') console.log('how many its kernel dropped, only Linux tells')
else {
  // Our question was a datagram too. While the buffer was full, it was lost like the others.
  const questions = Number(dropped) - missing
  console.log(`its kernel dropped ${dropped}: ${missing} datagrams, and questions: ${questions}`)
}
socket.close()
// #endregion client

/**
 * Sends a question until it is answered: when the server's buffer is full, questions are lost like
 * anything else. Asked twice must mean the same as asked once: hence the name of the run in `start`.
 */
async function ask(question: string): Promise<string> {
  const again = setInterval(() => socket.send(question), 200)
  const signal = AbortSignal.timeout(options['timeout-ms'])
  socket.send(question)
  try {
    for (;;) {
      const [answer] = await once(socket, 'message', { signal })
      if ((question === 'report') === answer.toString().startsWith('received')) return `${answer}`
    }
  } catch {
    exitUnanswered(where, options['timeout-ms'], serverCommand)
  } finally {
    clearInterval(again)
  }
}
