import { randomBytes } from 'node:crypto'
import { describe, expect } from 'vitest'
import { greetOverUdp } from '../support/greet.ts'
import { entries, has, type Kit, onLinux, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread } from '../support/slow.ts'

const linesOf = (text: string) => text.trimEnd().split('\n')

describe.concurrent('03 echo', () => {
  test('sends every datagram back to its sender, an empty one too', async ({ kit }) => {
    const server = await kit.server('03/echo')
    const [ann, ben] = [await kit.bindUdp(), await kit.bindUdp()]
    const large = randomBytes(65_507)
    for (const message of [Buffer.from('hello'), Buffer.alloc(0), large]) {
      expect((await ann.ask(message, server.port)).equals(message)).toBe(true)
    }
    expect((await ben.ask('ben', server.port)).toString()).toBe('ben')
    expect(ann.received).toHaveLength(3)
    await server.line(`received 127.0.0.1:${ben.port} 3 bytes`)
  })

  test('client prints an answer for each line of its input', async ({ kit }) => {
    const server = await kit.server('03/echo')
    const exit = await kit.client('03/echo', server, { input: 'one\n\nżółw\n' }).ended
    expect(exit).toMatchObject({ code: 0, stdout: 'one\n\nżółw\n', stderr: '' })
  })

  test('client gives up on a peer that takes everything and says nothing', async ({ kit }) => {
    const silent = await kit.bindUdp()
    const args = ['--message', 'hello', '--timeout-ms', '50']
    const exit = await kit.client('03/echo', silent.port, { args }).ended
    expect(exit).toMatchObject({ code: 1, stdout: '' })
    expect(exit.stderr).toBe(
      `no answer from 127.0.0.1:${silent.port} within 50 ms: lost, or nobody there ` +
        '(is the server running? npm run 03:server)\n',
    )
    expect(silent.received.map(({ data }) => data.toString())).toEqual(['hello'])
  })

  test('client says in one line that a datagram is too long', async ({ kit }) => {
    const server = await kit.server('03/echo')
    const exit = await kit.client('03/echo', server, { input: 'x'.repeat(65_508) }).ended
    expect(exit).toMatchObject({ code: 1, stdout: '' })
    expect(exit.stderr).toMatch(/^cannot send to 127\.0\.0\.1:\d+: EMSGSIZE \(.*65507 bytes.*\)\n$/)
  })

  test('works over IPv6', async ({ kit }) => {
    const server = await kit.server('03/echo', '--host', '::1')
    expect(server.where).toBe(`[::1]:${server.port}`)
    const args = ['--host', '::1', '--message', 'six']
    const exit = await kit.client('03/echo', server, { args }).ended
    expect(exit).toMatchObject({ code: 0, stdout: 'six\n', stderr: '' })
  })
})

test('03 boundaries: five sends are five messages, the empty one among them', async ({ kit }) => {
  const server = await kit.server('03/boundaries')
  const { stdout } = await kit.client('03/boundaries', server).ended
  expect(linesOf(stdout).filter(line => line.startsWith('message'))).toEqual([
    'message 1: 5 bytes',
    'message 2: 0 bytes',
    'message 3: 1000 bytes',
    'message 4: 1 byte',
    'message 5: 7 bytes',
  ])
  const received = server.lines.filter(line => line.startsWith('received'))
  expect(received.map(line => Number(line.split(' ')[2]))).toEqual([5, 0, 1000, 1, 7])
})

describe.concurrent('03 loss', () => {
  async function run(kit: Kit, args: string[], serverArgs: string[] = []) {
    const server = await kit.server('03/loss', ...serverArgs)
    const exit = await kit.client('03/loss', server, { args }).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const numbers =
      /(\d+) errors\n.*received (\d+), (\d+) are.*\n.*dropped (\d+): \d+ datagrams, and questions: (\d+)/
    const [errors, received, missing, dropped, questions] = numbers
      .exec(exit.stdout)!
      .slice(1)
      .map(Number)
    return { errors, received, missing, dropped, questions: questions! }
  }

  test('loses what does not fit into the buffer, without an error, and all is accounted for', async ({
    kit,
  }) => {
    const { questions, ...counts } = await run(kit, ['--datagrams', '3000'], ['--busy-ms', '1500'])
    expect(counts.errors).toBe(0)
    expect(counts.missing).toBeGreaterThan(0)
    expect(counts.received).toBeGreaterThan(0)
    expect(counts.received! + counts.missing!).toBe(3000)
    if (!onLinux) return
    expect(questions).toBeGreaterThanOrEqual(0)
    expect(counts.dropped).toBe(counts.missing! + questions)
  })

  test('loses nothing that fits', async ({ kit }) => {
    const counts = await run(kit, ['--datagrams', '20'], ['--busy-ms', '50'])
    expect(counts).toMatchObject({ errors: 0, received: 20, missing: 0 })
  })

  test('server takes a question that is asked twice for one', async ({ kit }) => {
    const server = await kit.server('03/loss', '--busy-ms', '0')
    const peer = await kit.bindUdp()
    expect((await peer.ask('start 1', server.port)).toString()).toBe('busy')
    await peer.send('a datagram', server.port)
    expect((await peer.ask('start 1', server.port)).toString()).toBe('busy')
    const report = (await peer.ask('report', server.port)).toString()
    expect(report).toBe(`received 1 dropped ${onLinux ? 0 : 'NaN'}`)
    await peer.ask('start 2', server.port)
    expect((await peer.ask('report', server.port)).toString()).toMatch(/^received 0 /)
    expect(server.lines.filter(line => line.startsWith('busy'))).toHaveLength(2)
  })
})

test('03 connected: errors reach a connected socket, strangers do not', async ({ kit }) => {
  const server = await kit.server('03/connected')
  const { stdout } = await kit.client('03/connected', server).ended
  expect(linesOf(stdout)).toEqual([
    'connected:     heard "from the port you wrote to"',
    'not connected: heard "from a port you never wrote to" and "from the port you wrote to"',
    'not connected: sent 3 datagrams to a dead port, 3 callbacks without an error',
    'connected:     sent 1 datagram to a dead port, callback without an error',
    'connected:     then came error ECONNREFUSED in recvmsg',
    'not connected: no error to this moment',
  ])
})

describe.concurrent('03 size', () => {
  test('shows the largest datagram, and EMSGSIZE one byte later', async ({ kit }) => {
    const { stdout } = await kit.client('03/size', await kit.server('03/size')).ended
    expect(linesOf(stdout)).toEqual([
      '1200 bytes: arrived whole; one packet on an Ethernet',
      '1472 bytes: arrived whole; one packet on an Ethernet',
      '1473 bytes: arrived whole; 2 fragments on an Ethernet: lose one, lose all',
      '9000 bytes: arrived whole; 7 fragments on an Ethernet: lose one, lose all',
      '65507 bytes: arrived whole; 45 fragments on an Ethernet: lose one, lose all',
      '65508 bytes: EMSGSIZE: too large, nothing was sent',
    ])
  })

  test('over IPv6 twenty bytes more fit', async ({ kit }) => {
    const server = await kit.server('03/size', '--host', '::1')
    const { stdout } = await kit.client('03/size', server, { args: ['--host', '::1'] }).ended
    const lines = linesOf(stdout)
    expect(lines.at(1)).toBe('1452 bytes: arrived whole; one packet on an Ethernet')
    expect(lines.at(-2)).toMatch(/^65527 bytes: arrived whole; 46 fragments/)
    expect(lines.at(-1)).toBe('65528 bytes: EMSGSIZE: too large, nothing was sent')
  })
})

test.skipIf(!onLinux)(
  '03 one-to-many: one datagram reaches all devices (needs Linux)',
  async ({ kit }) => {
    const server = await kit.server('03/one-to-many', '--devices', '4')
    const exit = await kit.client('03/one-to-many', server, { args: ['--devices', '4'] }).ended
    const all = 'device 1, device 2, device 3, device 4'
    expect(linesOf(exit.stdout)).toEqual([
      ...Array.from({ length: 3 }, () => 'unicast to 127.0.0.1: answered by the server'),
      'broadcast to 127.255.255.255: EACCES',
      `broadcast to 127.255.255.255: answered by ${all}`,
      `multicast to 239.255.70.35: answered by ${all}`,
    ])
    const asked = server.lines.filter(line => line.includes('unicast'))
    // The client looked once whether the server is there, and asked from three sockets.
    expect(new Set(asked.map(line => line.split(' ')[1])).size).toBe(4)
  },
)

/** Sends one datagram without a source port, which RFC 768 allows: with a raw socket, as root. */
const WITHOUT_PORT = `
import socket, struct, sys
data = b"hello"
header = struct.pack(">HHHH", 0, int(sys.argv[1]), 8 + len(data), 0)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(header + data, ("127.0.0.1", 0))
`
const canForge = onLinux && process.getuid?.() === 0 && has('python3')

const servers = entries.filter(
  ({ example }) => example.transport === 'udp' && (example.needs !== 'linux' || onLinux),
)

describe.concurrent('abuse over UDP', () => {
  test.skipIf(!canForge).for(spread(servers, 2, servers.length).map(({ id }) => id))(
    '%s survives a datagram without a source port (needs root, python3)',
    async (id, { kit }) => {
      const server = await kit.server(id)
      const args = ['-c', WITHOUT_PORT, String(server.port)]
      expect(await kit.program('python3', args).ended).toMatchObject({ code: 0, stderr: '' })
      await greetOverUdp(kit, server)
      expectNoStack((await server.stop()).stderr)
    },
  )

  test.for(spread(servers, 2, servers.length).map(({ id }) => id))(
    '%s survives garbage, floods and senders that are gone, and still serves',
    async (id, { kit }) => {
      const server = await kit.server(id)
      const peer = await kit.bindUdp()
      for (const bytes of [0, 1, 11, 12, 13, 512, 65_507]) {
        for (let i = 0; i < 20; i++) await peer.send(randomBytes(bytes), server.port)
      }
      for (let i = 0; i < 200; i++) {
        const gone = await kit.bindUdp()
        await gone.send(randomBytes(20), server.port)
        // From here on an answer is refused: nobody else is heard on that port any more.
        gone.socket.connect(server.port, '127.0.0.1')
      }
      const flood: Promise<void>[] = []
      for (let i = 0; i < 5000; i++) flood.push(peer.send(randomBytes(100), server.port))
      await Promise.all(flood)
      await greetOverUdp(kit, server)
      expectNoStack((await server.stop()).stderr)
    },
  )
})
