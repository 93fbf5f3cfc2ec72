import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { entries, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread, withSlow } from '../support/slow.ts'

/** Servers that know nothing of the examples: what they do with a connection. */
const strangers: Record<string, (socket: Socket) => void> = {
  'ends at once': socket => socket.end(),
  resets: socket => socket.resetAndDestroy(),
  'sends garbage and ends': socket => socket.end('garbage\n'),
  'sends garbage and resets': socket => {
    socket.write('garbage\n', () => setTimeout(() => socket.resetAndDestroy(), 30))
  },
  // A client waits 10 seconds for it.
  ...(withSlow && { 'says nothing': (socket: Socket) => socket.resume() }),
}

const clients = entries.filter(({ example }) => example.client && example.transport === 'tcp')

/**
 * Clients that show whatever comes, with the strangers that are as good as another server for that.
 * Node 20 and 22 may report a reset as a clean end.
 */
const CONTENT: Record<string, RegExp> = {
  '01/tcp': /./,
  '01/addresses': /./, // wants nothing but connections, and may be done before they end
  '01/errors': /./,
  '01/three-sockets': /./,
  '01/accept-queue': /./,
  '02/echo': /^(ends at once|resets|says nothing)$/,
  '02/chat': /./,
  '02/write-after-fin': /./,
  '04/naive': /^sends garbage and ends$/,
  '05/tcp-keepalive': /^says nothing$/,
  '06/time-wait': /^ends at once$/,
}

/** Clients that wait for as long as the server likes: there is a human, or a flag, who says how long. */
const PATIENT =
  /^(01\/tcp|01\/accept-queue|02\/echo|02\/chat|02\/graceful|05\/idle-timeout|06\/half-close)$/

// In quick tests each client meets one of the strangers, and each stranger every fourth client.
const meetings = clients.flatMap(({ id }, n) =>
  Object.keys(strangers)
    .filter((_, stranger) => withSlow || stranger === n % Object.keys(strangers).length)
    .filter(does => does !== 'says nothing' || !PATIENT.test(id))
    .map(does => [id, does] as const),
)

// Each example has a port of its own, and somebody else's server may be there.
describe.concurrent('a client', () => {
  test.for(meetings)(
    'of %s ends, and tells in words if it is a wrong server that %s',
    { timeout: 40_000 },
    async ([id, does], { kit }) => {
      const server = createServer({ allowHalfOpen: does === 'says nothing' }, socket => {
        socket.on('error', () => {})
        strangers[does]!(socket)
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        const { port } = server.address() as AddressInfo
        const { code, stderr } = await kit.client(id, port).ended
        expectNoStack(stderr)
        if (CONTENT[id]?.test(does) && stderr === '') return expect(code).toBe(0)
        expect(stderr).toMatch(/^(.+\n){1,2}$/)
        expect(code).toBe(1)
      } finally {
        server.close()
      }
    },
  )
})

const patient = clients.map(({ id }) => id).filter(id => PATIENT.test(id))

describe.concurrent('a client that waits for as long as the server likes', () => {
  test.for(spread(patient, 2))(
    'of %s says once that it is alone with a silent server, and waits on',
    { timeout: 60_000 },
    async (id, { kit }) => {
      const server = createServer({ allowHalfOpen: true }, socket => {
        socket.on('error', () => {})
        socket.resume()
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        const { port } = server.address() as AddressInfo
        const client = kit.client(id, port, { input: 'open' })
        await client.complaint(`nothing from 127.0.0.1:${port} for 10 s; still waiting (is it`)
        expect(client.running).toBe(true)
        client.kill('SIGTERM')
        const { code, stderr } = await client.ended
        expect(code).toBe(0)
        expect(stderr.trimEnd().split('\n')).toHaveLength(1)
      } finally {
        server.close()
      }
    },
  )
})

/** Servers of other protocols over UDP: what they answer to a datagram. */
const answers: Record<string, (message: Buffer) => Buffer | undefined> = {
  'echoes it': message => message,
  'answers with garbage': () => Buffer.of(0, 255, 1, 27, 91, 2),
  'never answers': () => undefined,
}
const asking = entries
  .filter(({ id, example }) => example.transport === 'udp' && example.client && id !== '03/echo')
  .flatMap(({ id }) => Object.keys(answers).map(does => [id, does] as const))

describe.concurrent('a client over UDP', () => {
  test.for(asking)(
    'of %s tells in words if it is a wrong server that %s',
    { timeout: 40_000 },
    async ([id, does], { kit }) => {
      const socket = createSocket('udp4').bind(0, '127.0.0.1')
      await once(socket, 'listening')
      socket.on('message', (message, { port }) => {
        const answer = answers[does]!(message)
        if (answer) socket.send(answer, port, '127.0.0.1')
      })
      try {
        const { code, stderr } = await kit.client(id, socket.address().port).ended
        expect(stderr).toMatch(/^[\x20-\x7e]+\n$/)
        expect(code).toBe(1)
      } finally {
        socket.close()
      }
    },
  )
})
