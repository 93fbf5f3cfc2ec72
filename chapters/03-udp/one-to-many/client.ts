/**
 * One to many: asks once, and is answered by everybody.
 *
 *   npm run 03:one-to-many:client
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitUnanswered,
  exitUnknown,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 03:one-to-many:server'
const options = readOptions({
  command: 'npm run 03:one-to-many:client',
  does: 'Asks one, asks all by broadcast, asks a group by multicast, and counts the answers.',
  flags: {
    host,
    port: { ...port(7035, 'UDP port'), min: 1 },
    devices: { default: 3, min: 1, max: 50, help: 'stop waiting after so many answers' },
    'wait-ms': { default: 2000, min: 1, max: 60_000, help: 'how long to wait for answers' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
await expectServer()

// #region client
const socket = createSocket('udp4')
socket.bind(0, '127.0.0.1')
await once(socket, 'listening')

// Many to one: three sockets ask, and one socket at the server answers them all.
for (let i = 1; i <= 3; i++) {
  const asker = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
  await ask(asker, 'unicast', options.host, 1)
  asker.close()
}

// One mistyped address, and every host of a network has to look at your datagram. So a program must
// say that it means it.
await ask(socket, 'broadcast', '127.255.255.255', options.devices)
socket.setBroadcast(true)
await ask(socket, 'broadcast', '127.255.255.255', options.devices)

// Only those hear it who have joined. These two calls keep it on this machine.
socket.setMulticastInterface('127.0.0.1')
socket.setMulticastTTL(0)
await ask(socket, 'multicast', '239.255.70.35', options.devices)
socket.close()

/** Sends one datagram and waits for answers: for `expected`, or until the time is over. */
async function ask(from: Socket, how: string, address: string, expected: number): Promise<void> {
  const answers: string[] = []
  const signal = AbortSignal.timeout(options['wait-ms'])
  const enough = new Promise<void>(resolve => {
    signal.onabort = () => resolve()
    from.on('message', answer => {
      if (answers.push(answer.toString()) === expected) resolve()
    })
  })
  const error = await new Promise<SocketError | null>(done =>
    from.send('who is there?', options.port, address, done),
  )
  if (!error) await enough
  from.removeAllListeners('message')
  console.log(`${how} to ${address}: ${error ? error.code : `answered by ${tell(answers)}`}`)
}
// #endregion client

function tell(answers: string[]): string {
  if (answers.length === 0) return 'nobody'
  return answers
    .map(answer => answer.replace(/ by .*/, ''))
    .sort()
    .join(', ')
}

/** A connected socket is told when nobody is there: see `connected`. */
async function expectServer(): Promise<void> {
  const probe = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
  try {
    probe.connect(options.port, options.host)
    await once(probe, 'connect')
    probe.send('')
    const signal = AbortSignal.timeout(options['wait-ms'])
    const [answer] = await once(probe, 'message', { signal })
    if (!`${answer}`.startsWith('the server')) exitUnknown(where, serverCommand)
    probe.close()
  } catch (error) {
    const { name } = error as Error
    if (name === 'AbortError') exitUnanswered(where, options['wait-ms'], serverCommand)
    exitCannotConnect(error as Error, where, serverCommand)
  }
}
