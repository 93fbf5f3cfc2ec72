/**
 * One to many: three devices that can be found without knowing their addresses.
 *
 *   npm run 03:one-to-many:server     in one terminal
 *   npm run 03:one-to-many:client     in another
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 03:one-to-many:server'
const options = readOptions({
  command,
  does: 'Plays devices on a network that answer to broadcast and to multicast.',
  flags: {
    host,
    port: port(7035, 'UDP port'),
    devices: { default: 3, min: 1, max: 50, help: 'how many there are' },
  },
})

// #region server
/** From 239.0.0.0/8, whose addresses everyone may use inside their own network (RFC 2365). */
const GROUP = '239.255.70.35'
/** Every host of 127.0.0.0/8, which is: this one. */
const BROADCAST = '127.255.255.255'

async function addDevice(name: string, port: number): Promise<void> {
  // A socket that is bound to such an address hears what is sent to it, and nothing else.
  // reuseAddr lets the next device bind the same address and port: each gets a copy.
  const member = createSocket({ type: 'udp4', reuseAddr: true })
  member.bind(port, GROUP)
  const listener = createSocket({ type: 'udp4', reuseAddr: true })
  listener.bind(port, BROADCAST)
  await Promise.all([once(member, 'listening'), once(listener, 'listening')])
  member.addMembership(GROUP, '127.0.0.1')
  answerAs(member, `${name} by multicast`)
  answerAs(listener, `${name} by broadcast`)
}

function answerAs(socket: Socket, name: string): void {
  socket.on('message', (_question, { address, port }) => {
    const peer = endpoint(address, port)
    console.log(`asked ${peer} ${name}`)
    if (port === 0) return // a sender without a port wants no answer: see `echo`
    // The answer goes to one address again: the one that asked.
    socket.send(name, port, address, error => {
      if (error) console.error(`error ${peer} ${(error as SocketError).code}`)
    })
  })
  socket.on('error', (error: SocketError) => console.error(`error ${name} ${error.code}`))
}
// #endregion server

const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
socket.once('error', error =>
  exitCannotListen(error, endpoint(options.host, options.port), command),
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
socket.bind(options.port, options.host)
await once(socket, 'listening')
const { address, port: real } = socket.address()
try {
  for (let i = 1; i <= options.devices; i++) await addDevice(`device ${i}`, real)
} catch (error) {
  // A server on all addresses has those of the devices too.
  exitCannotListen(error as SocketError, endpoint(GROUP, real), command)
}
console.log(`listening ${endpoint(address, real)}`)
socket.removeAllListeners('error')
answerAs(socket, 'the server by unicast')
