import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import type { JsEvent } from '#lib/trace/recording.ts'
import { KIT } from '../support/kit-folder.ts'

const HOOK = pathToFileURL(join(KIT, 'lib/observe/js-hook.ts')).href

/** A folder for programs that exist only in a test. */
export class Programs {
  readonly folder = mkdtempSync(join(tmpdir(), 'kit-programs-'))
  #count = 0

  /** Writes a program and returns its file. */
  write(source: string, name = `program-${++this.#count}.mjs`): string {
    const file = join(this.folder, name)
    writeFileSync(file, source)
    return file
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** How a program behaved. */
export interface Ran {
  stdout: string
  stderr: string
  code: number | null
  signal: NodeJS.Signals | null
  /** What the hook recorded; empty without it. */
  events: JsEvent[]
}

/** Starts a program, with the hook unless `plain`; the lifeline is on descriptor 4. */
export function start(file: string, { plain = false } = {}): ChildProcess {
  const hook = plain ? [] : ['--import', HOOK]
  return spawn(process.execPath, ['--import', 'tsx', ...hook, file], {
    cwd: KIT,
    env: { ...process.env, KIT_TRACE_FD: '3', KIT_LIFELINE_FD: '4', NODE_OPTIONS: '' },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
}

/** Runs a program to its end, with `input` on its standard input. */
export async function run(file: string, { plain = false, input = '' } = {}): Promise<Ran> {
  const child = start(file, { plain })
  child.stdin!.on('error', () => {})
  child.stdin!.end(input)
  const [stdout, stderr, trace, [code, signal]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    text(child.stdio[3] as Readable),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ])
  const events = trace.split('\n').filter(Boolean)
  return { stdout, stderr, code, signal, events: events.map(line => JSON.parse(line)) }
}

/** The texts of one socket's events (of the servers', without a number), ports left out. */
export function textsOf(events: readonly JsEvent[], socket?: number): string[] {
  return events
    .filter(event => event.socket === socket && event.event !== 'print')
    .map(({ text }) => text.replaceAll(/(127\.0\.0\.1|\[::1\]):\d+/g, '$1:PORT'))
}
