/**
 * Connected: the same two experiments with a socket that is not connected, and with one that is.
 *
 *   npm run 03:connected:client
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnanswered, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 03:connected:server'
const options = readOptions({
  command: 'npm run 03:connected:client',
  does: 'Shows which errors and which datagrams reach a UDP socket, connected and not.',
  flags: {
    host,
    port: { ...port(7033, 'UDP port'), min: 1 },
    'timeout-ms': { default: 1000, min: 1, max: 60_000, help: 'how long to wait for an answer' },
  },
})
const where = endpoint(options.host, options.port)
const type = isIPv6(options.host) ? 'udp6' : 'udp4'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
const patience = setTimeout(
  () => exitUnanswered(where, options['timeout-ms'], serverCommand),
  options['timeout-ms'],
)

// #region client
// Whom will a connected socket hear? It says hello, and the server answers from two ports.
const connected = await connectTo(options.port)
console.log(
  `connected:     heard ${await answersTo(connected, done => connected.send('hi', done))}`,
)
const open = createSocket(type)
const say = (done: () => void) => open.send('hi', options.port, options.host, done)
console.log(`not connected: heard ${await answersTo(open, say)}`)

// What does a sender learn when nobody is there? `connected` hears nobody but the server, so at its
// port nobody is there for anyone else.
const nobody = connected.address().port
for (let i = 0; i < 3; i++) await sent(done => open.send('hello?', nobody, options.host, done))
console.log('not connected: sent 3 datagrams to a dead port, 3 callbacks without an error')

const asking = await connectTo(nobody)
const failure = once(asking, 'error')
await sent(done => asking.send('hello?', done))
console.log('connected:     sent 1 datagram to a dead port, callback without an error')
const [error] = await failure
console.log(`connected:     then came error ${error.code} in ${error.syscall}`)
// #endregion client

// Had the sends of `open` brought it an error, that would have come before this answer.
let trouble = 'no error'
open.on('error', (error: SocketError) => {
  trouble = `${error.code}`
})
await answersTo(open, say)
console.log(`not connected: ${trouble} to this moment`)
clearTimeout(patience)
for (const socket of [connected, open, asking]) socket.close()

async function connectTo(port: number): Promise<Socket> {
  const socket = createSocket(type)
  socket.connect(port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  return socket
}

/** Settles when the kernel has taken the datagram; fails as the send does. */
function sent(send: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => send(error => (error ? reject(error) : resolve())))
}

/** Everything that is heard until the last of the two answers. */
async function answersTo(socket: Socket, say: (done: () => void) => void): Promise<string> {
  const heard: string[] = []
  socket.on('message', answer => heard.push(`"${answer}"`))
  say(() => {})
  while (!heard.at(-1)?.includes('the port you wrote to')) {
    await once(socket, 'message').catch(error => exitCannotConnect(error, where, serverCommand))
  }
  socket.removeAllListeners('message')
  return heard.join(' and ')
}
