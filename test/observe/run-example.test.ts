import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import type { CatalogueEntry, Example } from '#lib/catalogue/index.ts'
import { ROOT } from '#lib/catalogue/index.ts'
import { type RunOptions, type RunResult, runExample } from '#lib/observe/run-example.ts'
import type { JsEvent } from '#lib/trace/recording.ts'
import { hasProc, processesWith, readerEnv } from '../cli/terminal.ts'
import { withSome } from '../support/slow.ts'
import { entryOf as madeEntry } from './entries.ts'
import { Programs } from './programs.ts'

const programs = new Programs()
afterAll(() => programs.remove())

const SERVER = `
import { createServer } from 'node:net'
const server = createServer(peer => peer.end('hi')).listen(Number(process.argv[3]), '127.0.0.1', () =>
  console.log('listening 127.0.0.1:' + server.address().port))
process.on('SIGTERM', () => { console.log('bye'); process.exit(0) })
`
const CLIENT = `
import { connect } from 'node:net'
connect(Number(process.argv[3]), '127.0.0.1').on('data', data => console.log(String(data)))
`

const entryOf = (server: string, client: string, more: Partial<Example> = {}): CatalogueEntry =>
  madeEntry(programs, server, client, more)

interface Seen {
  result: RunResult
  events: JsEvent[]
}

async function runSeen(entry: CatalogueEntry, options: Partial<RunOptions> = {}): Promise<Seen> {
  const events: JsEvent[] = []
  const onEvent = (event: JsEvent) => {
    events.push(event)
    options.onEvent?.(event)
  }
  return { result: await runExample(entry, { ...options, onEvent }), events }
}

const printed = (events: readonly JsEvent[], end: JsEvent['end']): string[] =>
  events.filter(each => each.end === end && each.event === 'print').map(({ text }) => text)

describe('runExample', () => {
  test('runs server and client on a free port, and asks the server to stop after the client', async () => {
    const { result, events } = await runSeen(entryOf(SERVER, CLIENT))
    expect(result).toEqual({
      server: { code: 0, signal: null },
      client: { code: 0, signal: null },
    })
    expect(printed(events, 'client')).toEqual(['hi'])
    expect(printed(events, 'server')).toEqual([
      expect.stringMatching(/^listening 127\.0\.0\.1:\d+$/),
      'bye',
    ])
  })

  test.runIf(withSome)(
    'adds the arguments of the catalogue, and runs the demo in place of the client',
    async () => {
      const args = ['--message', 'a b', '']
      const demo = {
        file: relative(programs.folder, programs.write('console.log(process.argv.slice(4))')),
        args,
      }
      const { events } = await runSeen(entryOf(SERVER, 'throw 1', { demo }))
      expect(printed(events, 'client')).toEqual(["[ '--message', 'a b', '' ]"])
    },
  )

  test('gives the programs of a unix example a path, and removes the folder', async () => {
    const server = `
import { createServer } from 'node:net'
createServer(peer => peer.end('hi')).listen(process.argv[3], () => console.log('listening ' + process.argv[3]))`
    const client = `
import { connect } from 'node:net'
console.log(process.argv[2], process.argv[3])
connect(process.argv[3]).on('data', data => console.log(String(data)))`
    const { events } = await runSeen(entryOf(server, client, { transport: 'unix' }))
    const [flag = '', hi] = printed(events, 'client')
    expect(flag).toMatch(/^--path .+\/example\.sock$/)
    expect(hi).toBe('hi')
    expect(existsSync(join(flag.slice('--path '.length), '..'))).toBe(false)
  })

  test('says why when the server does not start', async () => {
    const { result } = await runSeen(
      entryOf(`console.error('no luck today'); process.exit(7)`, CLIENT),
    )
    expect(result).toEqual({
      server: { code: 7, signal: null },
      client: undefined,
      trouble: 'the server did not start: no luck today',
    })
  })

  test('names the error of a server that crashes, not the stack', async () => {
    const { result } = await runSeen(entryOf(`throw new RangeError('too much')`, CLIENT))
    expect(result.trouble).toBe('the server did not start: RangeError: too much')
  })

  test('tells of a client that fails, as an event of the client', async () => {
    const { result, events } = await runSeen(
      entryOf(SERVER, `console.error('oh no'); process.exit(3)`),
    )
    expect(result.client).toEqual({ code: 3, signal: null })
    expect(result.trouble).toBeUndefined()
    expect(events.filter(({ event }) => event === 'exit')).toMatchObject([
      { end: 'client', text: 'exit code 3: oh no' },
    ])
  })

  test('tells of a server that dies under the client', async () => {
    const server = SERVER.replace(`peer.end('hi')`, `process.kill(process.pid, 'SIGKILL')`)
    const client = `${CLIENT.trim()}.on('error', () => {})`
    const { result, events } = await runSeen(entryOf(server, client))
    expect(result.server).toEqual({ code: null, signal: 'SIGKILL' })
    expect(events.filter(({ event }) => event === 'exit')).toMatchObject([
      { end: 'server', text: 'ended by SIGKILL: it said nothing' },
    ])
  })

  test('stops both programs when the client takes too long', async () => {
    const { result } = await runSeen(entryOf(SERVER, `setInterval(() => {}, 1e6)`), {
      limitMs: 1500,
    })
    expect(result.trouble).toBe('stopped: still running after 1.5 s')
    expect(result.server).toBeDefined()
    // On a busy machine the time may be over before the client has started.
    expect(result.client?.signal ?? 'SIGTERM').toBe('SIGTERM')
  })

  test.runIf(withSome)('stops a server that never says that it listens', async () => {
    const { result } = await runSeen(entryOf(`setInterval(() => {}, 1e6)`, CLIENT), {
      limitMs: 500,
    })
    expect(result.trouble).toBe('stopped: still running after 0.5 s')
  })

  test.runIf(withSome)('does not wait for a program that ignores SIGTERM', async () => {
    const stubborn = SERVER.replace(/process\.on.*/, `process.on('SIGTERM', () => {})`)
    const { result } = await runSeen(entryOf(stubborn, CLIENT))
    expect(result.server).toEqual({ code: null, signal: 'SIGKILL' })
  })

  test.runIf(withSome)('ends both programs on abort, at whatever event it comes', async () => {
    const client = `${CLIENT}\nsetInterval(() => {}, 1e6)`
    for (const moment of ['listening', 'connect()', 'data']) {
      const abort = new AbortController()
      const { result } = await runSeen(entryOf(SERVER, client), {
        signal: abort.signal,
        onEvent: ({ event }) => event === moment && abort.abort(),
      })
      expect(result.server, moment).toEqual({ code: 0, signal: null })
      // Aborted at `listening`, the client was not started any more.
      if (moment !== 'listening')
        expect(result.client, moment).toEqual({ code: null, signal: 'SIGTERM' })
    }
  })

  test('ends at once when it was aborted before it began', async () => {
    const { result } = await runSeen(entryOf(SERVER, CLIENT), { signal: AbortSignal.abort() })
    expect(result.client).toBeUndefined()
    expect(result.server?.signal).toBe('SIGTERM')
  })
})

test.skipIf(!hasProc)(
  'runExample leaves no program behind when its own process is killed (needs /proc)',
  async () => {
    // Programs that print nothing more would not even notice that nobody reads them.
    const silent = `${SERVER.replace(`peer.end('hi')`, '{}')}\nsetInterval(() => {}, 1e6)`
    const entry = entryOf(silent, `console.log('started'); setInterval(() => {}, 1e6)`)
    const module = new URL('../../lib/observe/run-example.ts', import.meta.url).href
    const parent = programs.write(`
import { runExample } from ${JSON.stringify(module)}
await runExample(${JSON.stringify(entry)}, { onEvent: event => console.log(event.end, event.text) })`)
    const env = readerEnv()
    const child = spawn(process.execPath, ['--import', 'tsx', parent], { cwd: ROOT, env })
    let out = ''
    for await (const text of child.stdout.setEncoding('utf8')) {
      out += text
      if (out.includes('client started')) break
    }
    // What has never run before is compiled first, by a process that stays for a moment.
    const before = processesWith(env.KIT_MARK).filter(({ command }) => command.includes('.mjs'))
    child.kill('SIGKILL')
    expect(before).toHaveLength(3)
    await vi.waitFor(() => expect(processesWith(env.KIT_MARK)).toEqual([]), { timeout: 60_000 })
  },
)
