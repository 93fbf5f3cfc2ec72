import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, type TestContext, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { onLinux } from '../support/kit.ts'
import { KIT } from '../support/kit-folder.ts'
import { spread } from '../support/slow.ts'

const { scripts }: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
)

interface Running {
  npm: ChildProcess
  port: number
  /** Settles with npm's exit code and signal. */
  ended: Promise<unknown[]>
}

/** Runs a server by npm, as a reader does, in a process group of its own, as a terminal does. */
async function npmRun(script: string, { onTestFinished }: TestContext): Promise<Running> {
  const npm = spawn('npm', ['run', '--silent', script, '--', '--port', '0'], {
    cwd: KIT,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    try {
      process.kill(-npm.pid!, 'SIGKILL')
    } catch {
      // all of them have ended
    }
  })
  const ended = once(npm, 'exit')
  for await (const line of createInterface({ input: npm.stdout! })) {
    const port = /^listening 127\.0\.0\.1:(\d+)$/.exec(line)?.[1]
    if (port !== undefined) return { npm, port: Number(port), ended }
  }
  throw new Error(`npm run ${script} ended before it listened`)
}

/** npm waits for the server: when npm has ended, nothing listens any more. */
async function expectFree(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
}

/** The only child of a process. */
function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  expect(children).toHaveLength(1)
  return Number(children[0])
}

describe.concurrent('npm run', () => {
  test('every script that starts Node begins with exec, so that no shell stays between', () => {
    // What npm runs before and after packing is no program that a reader starts and stops.
    const node = Object.entries(scripts).filter(
      ([name, command]) => /\bnode .*tsx\b/.test(command) && !/^(pre|post)pack$/.test(name),
    )
    expect(node.length).toBeGreaterThan(100)
    for (const [name, command] of node) expect(command, name).toMatch(/^exec node /)
  })

  test.for(spread(['02:server', '03:server', '06:graceful-tcp:server'], 1, 2))(
    'SIGTERM to npm run %s reaches the server, and npm ends with it',
    async (script, context) => {
      const { npm, port, ended } = await npmRun(script, context)
      npm.kill('SIGTERM')
      // The server has ended by itself, with exit code 0: npm passes that on.
      expect(await ended).toEqual([0, null])
      await expectFree(port)
    },
  )

  test.skipIf(!onLinux)(
    'SIGTERM to the child of npm run 02:server is one to the server (needs Linux)',
    async context => {
      const { npm, port, ended } = await npmRun('02:server', context)
      process.kill(childOf(npm.pid!), 'SIGTERM')
      expect(await ended).toEqual([0, null])
      await expectFree(port)
    },
  )

  // The terminal signals the whole group, and npm signals the server once more.
  test.for(
    spread(['01:server', '02:server', '02:chat:server', '04:lines:server', '06:server'], 1, 2),
  )(
    'Ctrl-C ends npm run %s with exit code 0, though two signals reach the server',
    async (script, context) => {
      const { npm, port, ended } = await npmRun(script, context)
      process.kill(-npm.pid!, 'SIGINT')
      expect(await ended).toEqual([0, null])
      await expectFree(port)
    },
  )
})
