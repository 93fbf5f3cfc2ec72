import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { entries, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'

const strangers = new Map<string, (socket: Socket) => void>([
  ['ends at once', socket => socket.end()],
  ['resets', socket => socket.resetAndDestroy()],
  ['sends garbage and ends', socket => socket.end('garbage\n')],
])

const clients = entries.filter(
  ({ id, example }) =>
    // The naive client does not survive this, which is what it shows.
    example.client && example.transport === 'tcp' && id !== '02/echo-naive',
)

/** What is no sign of a wrong server: these clients show what they get, or that one closes. */
const ANYTHING = /^(01|02|04\/naive|06\/time-wait)/

// Each example has a port of its own, and somebody else's server may be there.
describe.concurrent('a client', () => {
  test.for(clients.flatMap(({ id }) => [...strangers.keys()].map(does => [id, does] as const)))(
    'of %s ends, and tells in words if it is a wrong server that %s',
    { timeout: 40_000 },
    async ([id, does], { kit }) => {
      const server = createServer(socket => {
        socket.on('error', () => {})
        strangers.get(does)!(socket)
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        const { port } = server.address() as AddressInfo
        const { code, stderr } = await kit.client(id, port).ended
        expectNoStack(stderr)
        // Without a line it is one that closes, which some examples are about.
        if (ANYTHING.test(id) && stderr === '') return expect(code).toBe(0)
        expect(stderr).toMatch(/^(.+\n){1,2}$/)
        expect(code).toBe(1)
      } finally {
        server.close()
      }
    },
  )
})
