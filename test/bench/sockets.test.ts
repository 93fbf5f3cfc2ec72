import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, watch } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execaNode } from 'execa'
import { describe, expect, onTestFinished, test } from 'vitest'
import { terminalText } from '../../bench/report.ts'
import { scriptOf, Talker } from '../../bench/sockets/conversation.ts'
import { type Kind, kindOf, kinds } from '../../bench/sockets/kinds.ts'
import { SocketBench } from '../../bench/sockets/measure.ts'
import { GoServers } from '../../bench/sockets/processes.ts'
import { type SocketEffort, socketQuestions } from '../../bench/sockets/tables.ts'
import { KIT } from '../support/kit-folder.ts'
import { ONLY_SLOW, spread, withSlow, withSome } from '../support/slow.ts'
import { WITHOUT_PACKAGES } from './packages.ts'

const hasGo = spawnSync('go', ['version']).status === 0
const withoutGo = spread(
  kinds.filter(({ needs }) => needs === undefined),
  2,
  4,
)

/** The whole harness at small size: what it counts is asserted, never how long it took. */
const tiny: SocketEffort = {
  rounds: 1,
  warmUpMs: 20,
  sampleMs: 40,
  latencyMs: 40,
  links: 4,
  memoryRounds: 1,
  idleLinks: 40,
  burstLinks: 30,
}

const question = (name: string) => socketQuestions.find(known => known.name === name)!
const some = (...ids: string[]): Kind[] => ids.map(kindOf)

async function measured(names: string[], measuredKinds: readonly Kind[], effort = tiny) {
  const bench = await SocketBench.start(effort, () => {}, measuredKinds)
  try {
    const tables = []
    for (const name of names) tables.push(await bench.measure(question(name)))
    return tables
  } finally {
    await bench.stop()
  }
}

describe.skipIf(WITHOUT_PACKAGES)(`bench sockets${WITHOUT_PACKAGES}`, () => {
  test('every server in Node echoes each byte, and each byte is compared', async () => {
    const [table] = await measured(['sockets-1024'], withoutGo)
    expect(table!.rows.map(({ id }) => id)).toEqual(withoutGo.map(({ id }) => id))
    for (const { id, figures } of table!.rows) {
      const { wire } = kindOf(id)
      const replyBytes = wire.reply?.(wire.payload(1024, 1)).length ?? 0
      expect(figures.answers, id).toBeGreaterThan(64)
      // Escapes make no two SLIP frames alike, and HTTP answers have heads of their own.
      if (id === 'byte-stuffing' || replyBytes === 0) {
        expect(figures.bytesVerified).toBeGreaterThan(figures.answers! * 1024)
      } else expect(figures.bytesVerified, id).toBe(figures.answers! * replyBytes)
    }
    if (withSlow) expect(table!.verdicts.map(({ ours }) => ours)).toContain('http1')
  }, 400_000)

  const loads = [
    ['sockets-64', 'length-prefix', 'ws', 64],
    ['sockets-65536', 'pipe', 'http1', 8],
    ['sockets-latency-1024', 'length-prefix', 'http1', 4],
    ['sockets-connect', 'node-http', 'ws', 30],
  ] as const
  test.each(spread(loads, 1, 2))(
    '%s ends, with every byte of its answers compared',
    async (name, first, second, least) => {
      const { bytes } = question(name)
      const [table] = await measured([name], some(first, second))
      expect(table!.rows.map(({ id }) => id)).toEqual([first, second])
      for (const { figures, unmeasured } of table!.rows) {
        expect(unmeasured).toBeUndefined()
        expect(figures.answers).toBeGreaterThanOrEqual(least)
        expect(figures.bytesVerified).toBeGreaterThanOrEqual(figures.answers! * bytes)
      }
      if (name === 'sockets-connect') expect(table!.rows[0]!.figures.answers).toBe(least)
      const text = terminalText({ kind: 'sockets', table: table! })
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100)
    },
  )

  test.runIf(withSome)(
    'counts the memory of idle connections, or says what it lacks for that',
    async () => {
      const few = await measured(['sockets-memory'], some('pipe', 'length-prefix'))
      for (const { figures, unmeasured } of few[0]!.rows) {
        if (process.platform !== 'linux') expect(unmeasured).toBe('not measured: needs Linux')
        else expect(Number.isFinite(figures.bytesPerLink)).toBe(true)
      }
      const idleLinks = 2_000_000_000
      const [table] = await measured(['sockets-memory'], some('pipe'), { ...tiny, idleLinks })
      if (process.platform === 'linux') {
        expect(table!.rows[0]!.unmeasured).toMatch(
          /^not measured: needs 2000000100 open files, the limit is \d+ \(ulimit -n 2000000100\)$/,
        )
      }
      expect(table!.verdicts).toEqual([])
    },
  )

  const name = 'the servers in Go answer with the same bytes as the others'
  test.skipIf(!hasGo || !withSlow)(`${name} (needs go) ${ONLY_SLOW}`, async () => {
    const inGo = kinds.filter(({ needs }) => needs !== undefined)
    const [load, burst] = await measured(['sockets-65536', 'sockets-connect'], inGo)
    expect(load!.rows.map(({ id }) => id)).toEqual(['go-raw', 'go-length-prefix', 'go-http'])
    for (const { figures } of load!.rows) expect(figures.answers).toBeGreaterThan(8)
    for (const { figures } of burst!.rows) expect(figures.answers).toBe(30)
  })

  test('says what a server needs that cannot be had, and measures the others', async () => {
    const path = process.env.PATH
    process.env.PATH = '/nowhere'
    onTestFinished(() => {
      process.env.PATH = path
    })
    expect(await GoServers.build()).toBeNull()
    const [table] = await measured(['sockets-connect'], some('raw', 'go-raw'))
    expect(table!.rows.map(({ unmeasured }) => unmeasured)).toEqual([
      undefined,
      'not measured: needs go (apt-get install golang-go)',
    ])
    expect(terminalText({ kind: 'sockets', table: table! }).replaceAll(/\s+/g, ' ')).toContain(
      'Go: not measured: needs go (apt-get install golang-go).',
    )
  })

  test.skipIf(!hasGo || !withSome)('removes what it compiled when it is interrupted', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-test-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const run = execaNode('bench/main.ts', ['sockets-connect', '--quick'], {
      cwd: KIT,
      nodeOptions: ['--import', 'tsx'],
      env: { TMPDIR: folder },
      reject: false,
    })
    const compiled = async () =>
      (await readdir(folder)).filter(entry => entry.startsWith('socket-bench-'))
    for await (const { filename } of watch(folder, { recursive: true })) {
      if (filename?.endsWith('/servers')) break
    }
    expect(await compiled()).toHaveLength(1)
    run.kill('SIGINT')
    expect((await run).exitCode).toBe(130)
    expect(await compiled()).toEqual([])
  })
})

describe('bench talker', () => {
  /** A server that answers as `serve` says, and the failure of a client that sent two messages. */
  async function failureWith(serve: (socket: Socket) => void): Promise<string> {
    const server: Server = createServer(socket => {
      socket.on('error', () => {})
      serve(socket)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as { port: number }
    const script = await scriptOf(kindOf('length-prefix').wire, port, 64)
    let settle = (_: string): void => {}
    const settled = new Promise<string>(resolve => {
      settle = resolve
    })
    const all = ({ answered }: Talker): void => {
      if (answered === 2) settle('none')
    }
    const talker = await Talker.open(script, all, error => settle(error.message))
    talker.send(2)
    const message = await settled
    await talker.reset()
    server.close()
    return message
  }

  test('has nothing against an echo', async () => {
    expect(await failureWith(socket => socket.pipe(socket))).toBe('none')
  })

  test('notices a byte that is different', async () => {
    const message = await failureWith(socket => {
      socket.on('data', chunk => {
        chunk[chunk.length - 1]! ^= 1
        socket.write(chunk)
      })
    })
    expect(message).toMatch(/^a wrong byte after \d+ bytes of right answers$/)
  })

  test('notices an answer too many', async () => {
    const script = await scriptOf(kindOf('length-prefix').wire, 0, 64)
    const three = script.replies.bytes.subarray(0, script.replies.ends[2])
    expect(await failureWith(socket => socket.once('data', () => socket.write(three)))).toBe(
      'more answers than messages',
    )
  })

  test('notices that the server has closed', async () => {
    expect(await failureWith(socket => socket.once('data', () => socket.end()))).toBe(
      'the server closed a connection',
    )
  })
})
