/**
 * UDP echo client: each line of standard input is a datagram, and each answer is a line.
 *
 *   npm run 03:client                    type lines; Ctrl-D ends it
 *   echo hi | npm run -s 03:client       as a part of a pipe
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { createInterface } from 'node:readline'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitCannotSend, exitUnanswered } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 03:server'
const options = readOptions({
  command: 'npm run 03:client',
  does: 'UDP echo client: sends each line as a datagram and prints what comes back.',
  flags: {
    host,
    port: { ...port(7030, 'UDP port'), min: 1 },
    message: { default: '', help: 'send this line instead of standard input' },
    'timeout-ms': { default: 1000, min: 1, max: 60_000, help: 'how long to wait for an answer' },
  },
})
const where = endpoint(options.host, options.port)
process.stdout.on('error', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
socket.on('error', error => exitCannotConnect(error, where, serverCommand))
// Nothing is sent by this. The kernel notes the peer's address: `connected` shows what for.
socket.connect(options.port, options.host)
await once(socket, 'connect')

const lines = options.message ? [options.message] : createInterface({ input: process.stdin })
for await (const line of lines) {
  socket.send(line, error => error && exitCannotSend(error, where))
  // Nobody else will say that the datagram, or its answer, is lost. So every wait has an end.
  const signal = AbortSignal.timeout(options['timeout-ms'])
  // Takes whatever comes next for the answer. `dns` numbers its questions, and so should you.
  const [answer] = await once(socket, 'message', { signal }).catch(() =>
    exitUnanswered(where, options['timeout-ms'], serverCommand),
  )
  console.log(answer.toString())
}
socket.close()
// #endregion client
