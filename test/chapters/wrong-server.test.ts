import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import type { CatalogueEntry, WrongServer } from '#lib/catalogue/index.ts'
import { entries, entryOf, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread, withSlow } from '../support/slow.ts'

/** Servers that know nothing of the examples: what they do with a connection. */
const strangers: Partial<Record<WrongServer, (socket: Socket) => void>> = {
  'ends at once': socket => socket.end(),
  resets: socket => socket.resetAndDestroy(),
  'sends garbage and ends': socket => socket.end('garbage\n'),
  'sends garbage and resets': socket => {
    socket.write('garbage\n', () => setTimeout(() => socket.resetAndDestroy(), 30))
  },
  // A client waits 10 seconds for it.
  ...(withSlow && { 'says nothing': (socket: Socket) => socket.resume() }),
}

const clients = entries.filter(({ example }) => example.transport === 'tcp')

/**
 * Whether the client may end as if this server were its own. It may complain all the same: some
 * versions of Node report a reset as an error, where Node 20 and 22 may see a clean end.
 */
function isContent({ example }: CatalogueEntry, does: WrongServer): boolean {
  const { contentWith = [] } = example.client
  return contentWith === 'any server' || contentWith.includes(does)
}

/** A client that has not ended by then waits for as long as the server likes. */
const LIMIT_MS = 50_000

// In quick tests each client meets one of the strangers, and each stranger every fourth client.
const kinds = Object.keys(strangers) as WrongServer[]
const meetings = clients.flatMap(({ id, example }, n) =>
  kinds
    .filter((_, stranger) => withSlow || stranger === n % kinds.length)
    .filter(does => does !== 'says nothing' || !example.client.mayWait)
    .map(does => [id, does] as const),
)

// Each example has a port of its own, and somebody else's server may be there.
describe.concurrent('a client', () => {
  test.for(spread(meetings, 12, meetings.length))(
    'of %s ends, and tells in words if it is a wrong server that %s',
    { timeout: 70_000 },
    async ([id, does], { kit }) => {
      const server = createServer({ allowHalfOpen: does === 'says nothing' }, socket => {
        socket.on('error', () => {})
        strangers[does]!(socket)
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        const { port } = server.address() as AddressInfo
        const { args = [] } = entryOf(id).example.client
        const client = kit.client(id, port, { args })
        const limit = setTimeout(() => client.kill('SIGKILL'), LIMIT_MS)
        const { code, signal, stderr } = await client.ended.finally(() => clearTimeout(limit))
        expect(
          signal,
          `still waits after ${LIMIT_MS / 1000} s: give up before, or write mayWait into chapter.ts`,
        ).toBeNull()
        expectNoStack(stderr)
        if (isContent(entryOf(id), does) && stderr === '') return expect(code).toBe(0)
        expect(stderr, 'stderr: say so there, or write contentWith into chapter.ts').toMatch(
          /^(.+\n){1,2}$/,
        )
        expect(code).toBe(1)
      } finally {
        server.close()
      }
    },
  )
})

const patient = clients.filter(({ example }) => example.client.mayWait).map(({ id }) => id)

describe.concurrent('a client that waits for as long as the server likes', () => {
  test.for(spread(patient, 1, 2))(
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
const answers: Partial<Record<WrongServer, (message: Buffer) => Buffer | undefined>> = {
  'echoes it': message => message,
  'answers with garbage': () => Buffer.of(0, 255, 1, 27, 91, 2),
  'never answers': () => undefined,
}
const asking = entries
  .filter(({ example }) => example.transport === 'udp')
  .flatMap(({ id }) => (Object.keys(answers) as WrongServer[]).map(does => [id, does] as const))

describe.concurrent('a client over UDP', () => {
  test.for(spread(asking, 3, 6))(
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
        const { args = [] } = entryOf(id).example.client
        const { code, stderr } = await kit.client(id, socket.address().port, { args }).ended
        if (isContent(entryOf(id), does) && stderr === '') return expect(code).toBe(0)
        expect(stderr, 'stderr: say so there, or write contentWith into chapter.ts').toMatch(
          /^[\x20-\x7e]+\n$/,
        )
        expect(code).toBe(1)
      } finally {
        socket.close()
      }
    },
  )
})
