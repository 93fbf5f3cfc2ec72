import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { entriesOf, loadChapters, ROOT, scriptsOf } from '#lib/catalogue/index.ts'
import { defaultPortIn } from '../support/default-port.ts'
import { has } from '../support/kit.ts'
import { KIT } from '../support/kit-folder.ts'
import { commandsOf, documents } from './documents.ts'

const chapters = await loadChapters()
const manifest: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
)
const commands = new Map<string, string[]>()
for (const document of documents) {
  for (const command of commandsOf(document)) {
    commands.set(command, [...(commands.get(command) ?? []), document.name])
  }
}

/** Commands that are exercised by running this suite at all, or that need a person. */
const ELSEWHERE: [pattern: RegExp, why: string][] = [
  [/^npm ci$/, 'this suite runs in its result'],
  [/^npm ci && npm start$/, 'test/cli runs npm start'],
  [/^npm test$/, 'this suite is a part of it'],
  [/^(npm pack|cd \.\.\/my-app|npm install \.\.)/, 'test/framing/package.test.ts does all three'],
]

/** Servers that were started for a client, on a free port each: script to port. */
const servers = new Map<string, { port: Promise<string>; stop: () => Promise<unknown> }>()
afterAll(() => Promise.all([...servers.values()].map(server => server.stop())))

function serverFor(script: string, ...flags: string[]): Promise<string> {
  const known = servers.get(script)
  if (known) return known.port
  const child = execa('npm', ['run', '-s', script, '--', '--port', '0', ...flags], {
    cwd: KIT,
    reject: false,
    stdin: 'ignore',
    // A process group of its own: npm, its shell and the server are ended together.
    detached: true,
  })
  const port = new Promise<string>((resolve, reject) => {
    let said = ''
    child.stdout.on('data', text => {
      said += text
      const match = /^listening .+:(\d+)$/m.exec(said)
      if (match?.[1]) resolve(match[1])
    })
    child.once('close', () => reject(new Error(`${script} did not listen`)))
  })
  const stop = () => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
    return child
  }
  servers.set(script, { port, stop })
  return port
}

/** npm itself may have warnings about the reader's settings: they are not ours. */
const withoutNpm = (stderr: string) => stderr.replaceAll(/^npm (warn|notice).*\n?/gm, '')

const entries = entriesOf(chapters)
/** The script of the server whose default port this is. */
function serverScriptOfPort(port: number): string {
  const entry = entries.find(({ chapter, example }) => {
    const file = join(ROOT, 'chapters', chapter.folder, example.server.file)
    return defaultPortIn(file) === port
  })
  if (entry === undefined) throw new Error(`no server of an example has the port ${port}`)
  return `${entry.chapter.id}:${entry.example.name}:server`
}

describe('commands in documents', () => {
  for (const [command, where] of commands) {
    const elsewhere = ELSEWHERE.find(([pattern]) => pattern.test(command))
    if (elsewhere) continue
    const title = `${where[0]}: \`${command}\` does what a reader expects`

    const example = /^npm start (\S+)$/.exec(command)?.[1]
    if (example !== undefined) {
      // test/cli/start.test.ts runs every example of the catalogue by this very command.
      test(title, () => expect(entries.map(({ id }) => id)).toContain(example))
      continue
    }

    const program = /^node (chapters\/\S+\.ts)$/.exec(command)?.[1]
    if (program !== undefined) {
      // Only newer versions of Node run it: test/program/typescript.test.ts asks whether this one does.
      const files = entries.map(({ chapter, example }) =>
        join('chapters', chapter.folder, example.server.file),
      )
      test(title, () => expect(files).toContain(program))
      continue
    }

    if (/^strace /.test(command)) {
      test.skipIf(!has('strace'))(`${title} (needs strace)`, async () => {
        const child = execa(`${command} --port 0`, { cwd: KIT, shell: true, detached: true })
        const said = new Promise<string>((resolve, reject) => {
          child.stdout.on('data', text => /^listening/m.test(String(text)) && resolve(String(text)))
          child.once('close', () => reject(new Error('it ended without listening')))
        })
        child.catch(() => {}) // ended by us, below
        await expect(said).resolves.toMatch(/^listening 127\.0\.0\.1:\d+$/m)
        process.kill(-child.pid!, 'SIGTERM')
        expect((await child.catch(error => error)).stderr).toMatch(/listen\(\d+, 511\)/)
      })
      continue
    }

    if (/^ss /.test(command)) {
      test.skipIf(!has('ss'))(`${title} (needs ss)`, async () => {
        const { exitCode, stdout } = await execa(command, { shell: true, reject: false })
        expect(exitCode).toBe(0)
        expect(stdout).toMatch(/Local Address:Port/)
      })
      continue
    }

    const foreign = /^(dig|nc|curl) .*?\b(\d{4,5})\b/.exec(command)
    if (foreign) {
      const [, tool = '', port = ''] = foreign
      // Waits for whatever the tool shows of the answer; the chapter's own tests look at the words.
      test.skipIf(!has(tool))(`${title} (needs ${tool})`, async () => {
        const real = await serverFor(serverScriptOfPort(Number(port)))
        const child = execa(command.replace(port, real), {
          cwd: KIT,
          shell: true,
          detached: true,
          reject: false,
        })
        child.stdin.write('hello\n')
        const shown = new Promise<string>((resolve, reject) => {
          child.stdout.on('data', text => resolve(String(text)))
          child.once('close', () => reject(new Error('it ended without a word')))
        })
        await expect(shown).resolves.not.toBe('')
        if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM')
        await child
      })
      continue
    }

    const [, script = '', flags = ''] = /npm run (?:-s )?(\S+)(?: -- (.*))?$/.exec(command) ?? []
    test(title, async () => {
      expect(Object.keys(manifest.scripts), `there is no npm script "${script}"`).toContain(script)
      if (!Object.hasOwn(scriptsOf(chapters), script)) return
      if (script.endsWith(':server')) {
        if (/--host/.test(flags)) return
        await expect(serverFor(script, ...flags.split(' ').filter(Boolean))).resolves.toMatch(
          /^\d+$/,
        )
        return
      }
      const named = /--port (\d+)/.exec(flags)?.[1]
      const main = script.replace(/:(client|demo)$/, ':server')
      const port = await serverFor(named ? serverScriptOfPort(Number(named)) : main)
      const rest = flags.replace(/--port \d+/, '').replace(/--host \S+/, '')
      const line = command.replace(/ -- .*$/, '')
      const result = await execa(`${line} -- --port ${port} ${rest}`, {
        cwd: KIT,
        shell: true,
        stdin: 'ignore',
        reject: false,
      })
      expect(withoutNpm(result.stderr)).toBe('')
      expect(result.exitCode).toBe(0)
    })
  }
})

describe('npm scripts named in documents', () => {
  for (const { name, text } of documents) {
    const named = [...text.matchAll(/npm run (?:-s )?([a-z0-9][\w:-]*)/g)].map(
      ([, script = '']) => script,
    )
    for (const script of new Set(named)) {
      test(`${name} names npm run ${script}, which exists`, () => {
        expect(Object.keys(manifest.scripts)).toContain(script)
      })
    }
  }
})
