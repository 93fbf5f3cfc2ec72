import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { isolation } from '#lib/kernel/isolation.ts'
import { claimsOf, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { readObservations } from '#lib/textbook/observations.ts'
import { entries, has, type Kit, onLinux, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread, withSome } from '../support/slow.ts'
import { flood } from '../support/tcp-peer.ts'

const linesOf = (text: string) => text.trimEnd().split('\n')
/** The numbers in a line that stand alone, in order. */
const numbers = (line = ''): number[] =>
  (line.match(/\b\d+(\.\d+)?(?= (ms|s|times|pings|requests|bytes)\b)/g) ?? []).map(Number)

describe.concurrent('05 tcp-keepalive', () => {
  test.skipIf(!onLinux)(
    'shows that under a second nothing is set, and that nobody hears of a probe (5.2, 5.3, 5.6) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('05/tcp-keepalive')
      const exit = await kit.client('05/tcp-keepalive', server).ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      const [none, plain, small, minute, second, idle] = linesOf(exit.stdout)
      expect(none).toBe('without a word: no timer')
      expect(plain).toMatch(/^setKeepAlive\(true\): first probe in 7(200|1\d\d) s$/)
      expect(small).toMatch(/^setKeepAlive\(true, 500\): first probe in 7(200|1\d\d) s$/)
      expect(minute).toMatch(/^setKeepAlive\(true, 60_000\): first probe in (60|5\d) s$/)
      expect(second).toMatch(/^setKeepAlive\(true, 1000\): first probe in [01] s$/)
      expect(idle).toBe('idle for 1500 ms: 0 data events')
      await server.line(/^closed .* 0 data events$/)
    },
  )

  test.skipIf(!isolation())(
    '--vanish: the end that asks hears of the cut after 11 s, the other never (5.5) (needs a private network)',
    async ({ kit }) => {
      // It starts a TypeScript file itself: from the source, not compiled.
      const file = 'chapters/05-keepalive/tcp-keepalive/client.ts'
      const exit = await kit.program(process.execPath, ['--import', 'tsx', file, '--vanish']).ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      const [cut, error, other] = linesOf(exit.stdout)
      expect(cut).toBe('the line is cut; no program hears of it')
      expect(error).toMatch(/^with keepalive: error ETIMEDOUT after [\d.]+ s \(read\)$/)
      // One second of silence, then ten probes a second apart.
      expect(numbers(error)[0]).toBeGreaterThan(10)
      expect(other).toMatch(/^the other end after [\d.]+ s: open, and no event$/)
    },
  )

  test.skipIf(!isolation())(
    '--vanish: Ctrl-C ends it at once (needs a private network)',
    async ({ kit }) => {
      const file = 'chapters/05-keepalive/tcp-keepalive/client.ts'
      // As a terminal does it: the program has a process group of its own, and all of it is told.
      const args = [process.execPath, '--import', 'tsx', file, '--vanish']
      const program = kit.program('setsid', args)
      await program.line('the line is cut')
      process.kill(-program.pid, 'SIGINT')
      const cut = 'the line is cut; no program hears of it\n'
      expect(await program.ended).toMatchObject({ code: 0, stdout: cut, stderr: '' })
    },
  )

  test('its program that cuts a line refuses to run on a machine’s own network', async ({
    kit,
  }) => {
    const file = 'chapters/05-keepalive/tcp-keepalive/vanish.ts'
    const exit = await kit.program(process.execPath, ['--import', 'tsx', file]).ended
    expect(exit).toMatchObject({ code: 1, stdout: '' })
    expect(exit.stderr).toBe('not a private network: run npm run 05:client -- --vanish\n')
  })
})

/** A frame of the heartbeat protocol: two bytes of length, then text. */
const frame = (text: string) => Buffer.concat([Buffer.of(0, text.length), Buffer.from(text)])

describe.concurrent('05 heartbeat', () => {
  test('tells a slow peer from a stuck one and from a silent one', async ({ kit }) => {
    const server = await kit.server('05/heartbeat')
    const exit = await kit.client('05/heartbeat', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [slow, silent, stuck] = linesOf(exit.stdout)
    expect(slow).toMatch(/^slow server: answer after \d+ ms, \d+ pings? meanwhile$/)
    expect(numbers(slow)[0]).toBeGreaterThanOrEqual(1195)
    expect(numbers(slow)[1]).toBeGreaterThan(0)
    expect(silent).toMatch(/^silent client: the server hung up after \d+ ms and \d+ pings?$/)
    expect(numbers(silent)[0]).toBeGreaterThanOrEqual(595)
    expect(stuck).toMatch(/^stuck server: I gave up after \d+ ms$/)
    expect(numbers(stuck)[0]).toBeGreaterThanOrEqual(595)
  })

  test.for(['05:heartbeat:server', '05:heartbeat:client'])(
    '%s refuses a timeout in which nobody has been asked',
    async (script, { kit, expect }) => {
      const exit = await kit.script(script, ['--timeout-ms', '600', '--interval-ms', '1000']).ended
      expect(exit).toMatchObject({ code: 2, stdout: '' })
      const line = '--timeout-ms must be at least twice --interval-ms (1000), got 600\n'
      expect(exit.stderr).toBe(line)
    },
  )

  test.runIf(withSome)(
    'server keeps a client that answers its pings and says nothing else',
    async ({ kit }) => {
      const server = await kit.server(
        '05/heartbeat',
        '--interval-ms',
        '200',
        '--timeout-ms',
        '2000',
      )
      const peer = await kit.connect(server)
      const ping = frame('ping')
      // Thirty pings take three times as long as it would wait for a silent one.
      for (let n = 1; n <= 30; n++) {
        await peer.receive(n * ping.length)
        await peer.write(frame('pong'))
      }
      await peer.write(frame('work 0'))
      await peer.receive('done 0')
      expect(server.lines.filter(line => line.startsWith('silent '))).toEqual([])
    },
  )

  test('server hangs up on a client that asks for more work than is good', async ({ kit }) => {
    const server = await kit.server('05/heartbeat')
    const peer = await kit.connect(server)
    await peer.write(Buffer.concat(Array.from({ length: 101 }, () => frame('work 9999'))))
    await peer.closed
    expect(await server.complaint('error ')).toMatch(/^error 127\.0\.0\.1:\d+ too much work$/)
    await kit.connect(server)
  })

  test.skipIf(process.platform === 'win32')(
    'server notices a client whose program stands still, though its kernel answers (5.2) (needs SIGSTOP)',
    async ({ kit }) => {
      const server = await kit.server('05/heartbeat')
      const client = kit.client('05/heartbeat', server, { args: ['--timeout-ms', '3000'] })
      await server.line(/^accepted /)
      client.kill('SIGSTOP')
      const [ms] = numbers(await server.line(/^silent /))
      expect(ms).toBeGreaterThanOrEqual(595)
      await server.line(/^closed /)
      client.kill('SIGCONT')
    },
  )

  test.runIf(withSome)(
    'a program that was busy itself does not call others dead',
    async ({ kit }) => {
      const server = await kit.server('05/heartbeat')
      const [busy, live] = [await kit.connect(server), await kit.connect(server)]
      for (let n = 1; n <= 3; n++) {
        await live.receive(n * frame('ping').length)
        await live.write(frame('pong'))
      }
      // With this ping the server has taken note of the last pong.
      await live.receive(4 * frame('ping').length)
      await busy.write(frame('block 1500'))
      await server.line(/^blocks /)
      // What a live peer sends meanwhile waits in the kernel until the server reads again.
      await live.write(frame('work 0'))
      await live.receive('done 0')
      expect(server.lines.filter(line => line.startsWith('silent '))).toEqual([])
    },
  )
})

describe.concurrent('05 idle-timeout', () => {
  test('asks, ends, and cuts what is never idle and never done', async ({ kit }) => {
    // So long that a loaded machine does not keep a drop from arriving in time.
    const flags = ['--idle-ms', '1000', '--request-ms', '2000']
    const server = await kit.server('05/idle-timeout', ...flags)
    const exit = await kit.client('05/idle-timeout', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [answers, silent, drips, drops] = linesOf(exit.stdout)
    expect(answers).toMatch(/^one that answers: heard "still there\?", "yes"; closed after \d+ ms$/)
    expect(silent).toMatch(
      /^one that is silent: heard "still there\?", "bye"; closed after \d+ ms$/,
    )
    expect(numbers(silent)[0]).toBeGreaterThanOrEqual(1990)
    expect(drips).toMatch(/^one that drips: heard nothing; closed after \d+ ms$/)
    expect(numbers(drips)[0]).toBeGreaterThanOrEqual(1995)
    expect(drops).toMatch(/^it sent \d+ bytes?, one every 50 ms: never idle, never done$/)
    await server.line(/^late 127\.0\.0\.1:\d+ 2000 ms$/)
  })

  test('gives each line a deadline of its own, wherever its bytes are cut', async ({ kit }) => {
    const flags = ['--idle-ms', '10000', '--request-ms', '500']
    const server = await kit.server('05/idle-timeout', ...flags)
    const honest = await kit.connect(server)
    await honest.write('o')
    const dripping = await kit.connect(server)
    await dripping.write('x')
    // Every write ends one line and begins the next, until longer than a line may take.
    for (let n = 1; !dripping.ended && !dripping.socket.destroyed; n++) {
      await honest.write('ne\no')
      await honest.receive(n * 'one\n'.length)
    }
    await server.line(/^late /)
    expect(server.lines.filter(line => line.startsWith('late '))).toHaveLength(1)
    expect(honest.ended).toBe(false)
  })

  test('the event itself closes nothing: the connection goes on after it', async ({ kit }) => {
    const server = await kit.server('05/idle-timeout', '--idle-ms', '100')
    const peer = await kit.connect(server)
    await peer.receive('still there?\n')
    await peer.write('yes\n')
    await peer.receive('yes\n')
    expect(peer.ended).toBe(false)
  })

  test('cuts a client that does not answer the FIN either', async ({ kit }) => {
    const server = await kit.server('05/idle-timeout', '--idle-ms', '100')
    const peer = await kit.connect(server, { allowHalfOpen: true })
    await peer.receive('bye\n')
    await peer.end()
    await server.line(/^idle 127\.0\.0\.1:\d+ 300 ms$/)
    await server.line(/^closed 127\.0\.0\.1:\d+ 0 bytes$/)
  })

  test('cuts a client that sends and does not read', async ({ kit }) => {
    const flags = ['--idle-ms', '300', '--request-ms', '60000']
    const server = await kit.server('05/idle-timeout', ...flags)
    const peer = await kit.connect(server, { reading: false })
    const line = Buffer.from(`${'x'.repeat(1000)}\n`)
    peer.socket.write(Buffer.concat(Array.from({ length: 16_384 }, () => line)))
    await server.line(/^idle 127\.0\.0\.1:\d+ 900 ms$/)
    await server.line(/^closed 127\.0\.0\.1:\d+ \d+ bytes?$/)
  })
})

describe.skipIf(!has('nc')).concurrent('05 nc (needs nc)', () => {
  test('is asked by idle-timeout, and hung up on', async ({ kit }) => {
    const server = await kit.server('05/idle-timeout', '--idle-ms', '100')
    const args = ['-N', '127.0.0.1', String(server.port)]
    const nc = kit.program('nc', args, { input: 'open' })
    await nc.line('bye')
    expect(nc.lines).toEqual(['still there?', 'bye'])
  })

  test('pipelines two requests, and gets the answers in their order (5.19)', async ({ kit }) => {
    const server = await kit.server('05/pipelining', '--slow-ms', '1500')
    const ask = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`
    const args = ['-N', '127.0.0.1', String(server.port)]
    const { stdout } = await kit.program('nc', args, { input: ask('/slow') + ask('/x') }).ended
    const [slow = 0, fast = 0] = (stdout.match(/^\d+(?=HTTP|$)/gm) ?? []).map(Number)
    expect(slow).toBeGreaterThanOrEqual(1495)
    expect(fast).toBeLessThan(slow)
    const order = server.lines.filter(line => line.startsWith('handled '))
    expect(order.map(line => line.split(' ')[2])).toEqual(['/x', '/slow'])
  })
})

describe.skipIf(!has('curl')).concurrent('05 curl (needs curl)', () => {
  const connects = async (kit: Kit, args: string[]) => {
    const server = await kit.server('05/http-keepalive')
    const url = `http://127.0.0.1:${server.port}/`
    const write = ['-s', '-o', '/dev/null', '-o', '/dev/null', '-w', '%{num_connects} ']
    const { stdout } = await kit.program('curl', [...args, ...write, url, url]).ended
    return stdout.trim().split(' ').map(Number)
  }

  test('reuses its connection to http-keepalive, as HTTP/1.1 has it (5.14)', async ({ kit }) => {
    expect(await connects(kit, [])).toEqual([1, 0])
  })

  test('makes a new one after Connection: close, and with HTTP/1.0 (5.13)', async ({ kit }) => {
    expect(await connects(kit, ['-H', 'Connection: close'])).toEqual([1, 1])
    expect(await connects(kit, ['--http1.0'])).toEqual([1, 1])
    expect(await connects(kit, ['--http1.0', '-H', 'Connection: keep-alive'])).toEqual([1, 0])
  })
})

describe.concurrent('05 http-keepalive', () => {
  test.runIf(withSome)(
    'keeps and closes the same connections as node:http (5.12 to 5.17)',
    async ({ kit }) => {
      const server = await kit.server('05/http-keepalive')
      const exit = await kit.client('05/http-keepalive', server).ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      const lines = linesOf(exit.stdout)
      expect(lines.slice(0, 4)).toEqual([
        'HTTP/1.0: closed; by node:http: closed',
        'HTTP/1.0 and keep-alive: kept; by node:http: kept',
        'HTTP/1.1: kept; by node:http: kept',
        'HTTP/1.1 and close: closed; by node:http: closed',
      ])
      const [one, many, keeps, not, ours, theirs] = lines.slice(4)
      expect(one).toMatch(/^300 requests, connections: 1: \d+ ms$/)
      expect(many).toMatch(/^300 requests, connections: 300: \d+ ms, [\d.]+ times$/)
      expect(keeps).toBe('an Agent that keeps: 5 requests, connections: 1')
      expect(not).toBe('one that does not: 5 requests, connections: 5')
      const [idle = 0] = numbers(ours)
      // The client's clock begins when it has read the answer, the server's a little before.
      expect(idle).toBeGreaterThanOrEqual(200)
      // node:http adds a second of its own.
      expect(numbers(theirs)[0]).toBeGreaterThanOrEqual(1200)
      expect(server.lines.filter(line => / 300 requests$/.test(line))).toHaveLength(1)
    },
  )

  test('answers a bad request with 400, and closes', async ({ kit }) => {
    const server = await kit.server('05/http-keepalive')
    const peer = await kit.connect(server)
    await peer.write('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET nonsense\r\n\r\n')
    await peer.end()
    const text = peer.received.toString()
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: keep-alive\r\n/)
    expect(text).toMatch(/HTTP\/1\.1 400 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n$/)
    await server.complaint('ERR_FRAME_MALFORMED')
  })
})

const httpServers: [id: string, ...idle: string[]][] = [
  ['05/http-keepalive', '--idle-ms', '300'],
  ['05/pipelining', '--idle-ms', '300'],
  ['05/closing-race', '--idle-s', '1'],
]

describe.concurrent.each(httpServers)('%s', (id, ...idle) => {
  test('server says whether it keeps a connection (5.13, 5.14)', async ({ kit }) => {
    const peer = await kit.connect(await kit.server(id, ...idle))
    await peer.write('GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n')
    await peer.receive('Connection: keep-alive\r\n')
    await peer.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await peer.end()
    expect(peer.received.toString()).toContain('Connection: close\r\n')
  })

  test.for([
    ['Connection: close', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ['a bad request', 'GET nonsense\r\n\r\n'],
  ] as const)('server does not wait for ever for the FIN after %s', async ([, text], { kit }) => {
    const server = await kit.server(id, ...idle)
    const peer = await kit.connect(server, { allowHalfOpen: true })
    await peer.write(text)
    await peer.end()
    const timer = setInterval(() => peer.socket.write('x'), 20)
    await peer.closed.finally(() => clearInterval(timer))
    expect(peer.errorCode).toMatch(/^(ECONNRESET|EPIPE)$/)
  })
})

describe.concurrent('05 pipelining', () => {
  test('handles at once, and answers in order (5.19, 5.20, 5.21)', async ({ kit }) => {
    const server = await kit.server('05/pipelining', '--slow-ms', '1500')
    const exit = await kit.client('05/pipelining', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const lines = linesOf(exit.stdout)
    expect(lines.map(line => line.split(':')[0])).toEqual([
      '/slow',
      '/fast',
      '/third',
      '/fast on its own connection',
    ])
    const [slow = 0, fast = 0, third = 0, own = 0] = lines.map(line => numbers(line)[0]!)
    expect(fast).toBeLessThan(slow)
    expect(third).toBeLessThan(slow)
    expect(own).toBeLessThan(slow)
    // In the same moment, to the millisecond or so: the one waited for the other.
    const answered = lines.slice(0, 3).map(line => numbers(line)[1]!)
    expect(Math.max(...answered) - Math.min(...answered)).toBeLessThan(slow - third)
    expect(Math.min(...answered)).toBeGreaterThanOrEqual(1490)
  })

  test('reads no further than it can answer', async ({ kit }) => {
    const server = await kit.server('05/pipelining', '--slow-ms', '1000')
    const peer = await kit.connect(server)
    const limit = 64 * 2 ** 20
    const requests = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2000)
    expect(await flood(peer.socket, limit, Buffer.from(requests))).toBeLessThan(limit)
    const handled = server.lines.filter(line => line.startsWith('handled '))
    expect(handled.length).toBeLessThan(100)
  })
})

describe.concurrent('05 closing-race', () => {
  test.runIf(withSome)('loses requests, and each cure loses none (5.18)', async ({ kit }) => {
    const server = await kit.server('05/closing-race')
    const exit = await kit.client('05/closing-race', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [none, post, retry, hint, balancer] = linesOf(exit.stdout)
    expect(none).toBe('no cure: 10 lost: ECONNRESET')
    expect(post).toBe('POST: 10 lost: ECONNRESET')
    expect(retry).toBe('with a retry: 10 answered, new connection')
    expect(hint).toBe('with a hint: 10 answered, new connection')
    expect(balancer).toBe('behind a load balancer: 200, then 502')
  })

  test.runIf(withSome)('loses nothing when the connections are used in time', async ({ kit }) => {
    const server = await kit.server('05/closing-race', '--idle-s', '60')
    const exit = await kit.client('05/closing-race', server).ended
    expect(linesOf(exit.stdout)).toEqual([
      'no cure: 10 answered, reused',
      'POST: 10 answered, reused',
      'with a retry: 10 answered, reused',
      'with a hint: 10 answered, reused',
      'behind a load balancer: 200, then 200',
    ])
  })
})

/** What a server does that is none of this chapter. */
const strangers: [does: string, greet: (socket: Socket) => void][] = [
  ['ends at once', socket => socket.end()],
  ['resets', socket => socket.resetAndDestroy()],
  ['sends garbage and ends', socket => socket.end('garbage\n')],
]
const meetings = entries
  .filter(({ chapter }) => chapter.id === '05')
  .flatMap(({ id }) => strangers.map(([does, greet]) => [id, does, greet] as const))

describe.concurrent('a client of chapter 05', () => {
  test.for(spread(meetings, 2, 4))(
    'of %s says in a line or two that a server which %s is not its own',
    async ([id, , greet], { kit, expect, onTestFinished }) => {
      const server = createServer(socket => greet(socket.on('error', () => {}).resume()))
      onTestFinished(() => void server.close())
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as AddressInfo
      const exit = await kit.client(id, port).ended
      expect(exit).toMatchObject({ code: 1, signal: null })
      // A reset may be faster than connect(2).
      const said =
        /^(whoever answers at|the server at|lost the connection to|cannot connect to \S+ ECONNRESET).*\n$/
      expect(exit.stderr).toMatch(said)
      expectNoStack(exit.stderr)
    },
  )
})

const experiments = await loadExperiments()
const claims = claimsOf(experiments)
const observations = readObservations(experiments)
/** What an experiment saw, made less: part, value, and value of that part. */
const lesser: [id: string, part: string, key: string, value: number | string | string[]][] = [
  ['5.4', 'kernel', 'probes', 0],
  ['5.4', 'kernel', 'probes', 11],
  ['5.5', 'node', 'probes', 0],
  ['5.5', 'node', 'unanswered', 0],
  ['5.5', 'node', 'then', []],
  ['5.5', 'node', 'otherEnd', 'gone'],
  ['5.18', 'race', 'lost', 0],
  ['5.18', 'hinted', 'reused', 0],
]

test.for(lesser)('claim %s is unclear when %s.%s is %j', ([id, part, key, value], { expect }) => {
  const { claim, from } = claims.find(({ claim }) => claim.id === id)!
  const seen = structuredClone(observations.get(from.name)!.seen) as {
    [part: string]: { [key: string]: unknown }
  }
  expect(claim.judge(seen).verdict).toBe(claim.verdict)
  seen[part]![key] = value
  expect(claim.judge(seen).verdict).toBe('unclear')
})
