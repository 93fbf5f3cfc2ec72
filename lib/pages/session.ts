import { type ChildProcess, spawn, spawnSync } from 'node:child_process'

import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { ROOT } from '#lib/catalogue/index.ts'

/** The port in the commands that readers see. What runs takes a free one in its place. */
const SHOWN_PORT = 7020
const ECHO = 'chapters/02-tcp-echo/echo'
const CLIENT = `node --import tsx ${ECHO}/client.ts --port ${SHOWN_PORT}`
const PATIENCE_MS = 30_000

/** A tool watching 02/echo, as a reader does it by hand. */
interface Session {
  /** Programs that must be installed. */
  tools: readonly string[]
  root: boolean
  /** Has no part in 02/echo. */
  alone?: true
  /** Runs it against a server that listens; returns what a terminal would show. */
  run: (session: SessionContext) => Promise<string>
}

const TRACEFS = '/sys/kernel/tracing'
const TRACE_COMMANDS = [
  `cd ${TRACEFS}`,
  'mkdir instances/mine',
  'echo mono > instances/mine/trace_clock',
  'echo 1 > instances/mine/events/sock/inet_sock_set_state/enable',
]
const TRACE_SHOW = `grep -w ${SHOWN_PORT} instances/mine/trace | sed 's/^ *//; s/family.*sport/sport/; s/saddr.*old/old/'`
const TRACE_END = 'rmdir instances/mine'

/** The sessions that documents show, by name: `<!-- session: strace -->`. */
const SESSIONS: Record<string, Session> = {
  strace: {
    tools: ['strace'],
    root: false,
    run: async session => {
      const calls = '-e trace=%network,read,write,close'
      const command = `strace -ttt -yy ${calls} ${CLIENT} --message hello 2>&1 | grep 'AF_INET\\|TCP:'`
      return session.shown(command, await session.shell(command))
    },
  },
  ss: {
    tools: ['ss'],
    root: false,
    run: async session => {
      const command = `ss -tan 'sport = :${SHOWN_PORT} or dport = :${SHOWN_PORT}'`
      const client = session.start(CLIENT)
      await session.waitUntilShown(command, /ESTAB/)
      const during = await session.shell(command)
      client.stdin?.end()
      await session.waitUntilShown(command, /TIME-WAIT/)
      return [
        session.shown(command, during),
        session.shown(command, await session.shell(command)),
      ].join('\n')
    },
  },
  proc: {
    tools: [],
    root: false,
    run: async session => {
      const hex = SHOWN_PORT.toString(16).toUpperCase()
      const command = `grep ':${hex} ' /proc/net/tcp | cut -c 1-52`
      const client = session.start(CLIENT)
      await session.waitUntilShown(command, / 01 /)
      const rows = await session.shell(command)
      client.stdin?.end()
      return session.shown(command, rows)
    },
  },
  tcpdump: {
    tools: ['tcpdump'],
    root: true,
    run: async session => {
      const command = `tcpdump -i lo -n -S -tt tcp port ${SHOWN_PORT}`
      const capture = session.start(command.replace('-i lo', '-l --immediate-mode -i lo'))
      const output = text(capture.stdout!)
      await said(capture.stderr!, /listening on/)
      const over = said(capture.stdout!, /\[\.\]/, /\[F\.\].*\n(?:.*\n)*.*\[F\.\]/)
      await session.shell(`${CLIENT} --message hello`)
      await over
      capture.kill('SIGINT')
      return session.shown(`sudo ${command}`, await output)
    },
  },
  // Cuts a line in a network of its own: the echo server has no part in it.
  vanish: {
    tools: ['ip'],
    root: true,
    alone: true,
    run: async session => {
      const client = 'node --import tsx chapters/05-keepalive/tcp-keepalive/client.ts'
      return session.shown(
        'npm run -s 05:client -- --vanish',
        await session.shell(`${client} --vanish`),
      )
    },
  },
  tracefs: {
    tools: [],
    root: true,
    run: async session => {
      const mount = `[ -d ${TRACEFS}/instances ] || mount -t tracefs nodev ${TRACEFS}`
      const client = `(cd ${ROOT}; ${CLIENT} --message hello >/dev/null)`
      const watch = [mount, ...TRACE_COMMANDS, client, TRACE_SHOW].join(' && ')
      // A mount of ours is seen by nobody else, and goes with the shell.
      const output = await session.shell(
        `trap 'cd ${TRACEFS} && ${TRACE_END}' EXIT; ${watch}`,
        true,
      )
      const commands = ['sudo -s', ...TRACE_COMMANDS].map(line => `$ ${line}\n`).join('')
      return `${commands}${session.shown(TRACE_SHOW, output)}$ ${TRACE_END}\n`
    },
  },
}

/** What a session needs on any machine: `Linux`, `tcpdump`, `root`. */
export function sessionNeeds(name: string): string[] {
  const session = SESSIONS[name]
  if (!session) throw new Error(`no session "${name}": correct the comment`)
  return ['Linux', ...session.tools, ...(session.root ? ['root'] : [])]
}

/** Whether a session watches 02/echo, whose server runs meanwhile. */
export const watchesEcho = (name: string): boolean => SESSIONS[name]?.alone !== true

/** Which of its needs this machine does not meet, or undefined. */
export function missingForSession(name: string): string | undefined {
  return sessionNeeds(name).find(need => {
    if (need === 'Linux') return process.platform !== 'linux'
    if (need === 'root') return process.getuid?.() !== 0
    return spawnSync('which', [need]).status !== 0
  })
}

/**
 * Starts the echo server, runs a session against it, and returns commands and output as a terminal
 * shows them. The server's port is shown as 7020 throughout.
 */
export async function runSession(name: string): Promise<string> {
  const session = new SessionContext()
  try {
    await session.listen()
    return await SESSIONS[name]!.run(session)
  } finally {
    await session.end()
  }
}

/** Where a session happens: a server that listens, and what was started beside it. */
class SessionContext {
  readonly #children: ChildProcess[] = []
  #port = 0

  async listen(): Promise<void> {
    const server = this.start(`node --import tsx ${ECHO}/server.ts --port 0`)
    const line = await said(server.stdout!, /^listening \S+:\d+$/m)
    this.#port = Number(/:(\d+)$/.exec(line)?.[1])
  }

  start(command: string): ChildProcess {
    const bin = process.execPath.replace(/\/node$/, '')
    const child = spawn('bash', ['-c', `exec ${this.#real(command)}`], {
      cwd: ROOT,
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#children.push(child)
    return child
  }

  /** What a command line prints; in a mount namespace of its own where it mounts something. */
  async shell(command: string, isolated = false): Promise<string> {
    const quoted = `bash -c '${command.replaceAll("'", `'\\''`)}'`
    const child = this.start(isolated ? `unshare --mount ${quoted}` : quoted)
    child.stdin?.end()
    return this.#display(await text(child.stdout!))
  }

  /** Settles when the command's output shows what it should; there is no event for that. */
  async waitUntilShown(command: string, pattern: RegExp): Promise<void> {
    const end = Date.now() + PATIENCE_MS
    while (!pattern.test(await this.shell(command))) {
      if (Date.now() > end) throw new Error(`${command} never showed ${pattern}`)
    }
  }

  shown(command: string, output: string): string {
    const lines = this.#display(output).trimEnd().split('\n')
    return [`$ ${command}`, ...lines.map(line => line.trimEnd()), ''].join('\n')
  }

  async end(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const closed = new Promise(resolve => child.once('close', resolve))
      child.kill('SIGTERM')
      await closed
    }
  }

  #real = (command: string) => this.#replace(command, SHOWN_PORT, this.#port || SHOWN_PORT)
  #display = (output: string) => this.#replace(output, this.#port, SHOWN_PORT)

  #replace(where: string, from: number, to: number): string {
    const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')
    return where
      .replaceAll(new RegExp(`\\b${from}\\b`, 'g'), String(to))
      .replaceAll(`:${hex(from)} `, `:${hex(to)} `)
  }
}

/** Settles with what a stream has said when that has all patterns in it. */
function said(stream: NodeJS.ReadableStream, ...patterns: RegExp[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = ''
    const lines = createInterface({ input: stream })
    lines.on('line', line => {
      all += `${line}\n`
      if (patterns.every(pattern => pattern.test(all))) resolve(all.trimEnd())
    })
    lines.on('close', () => reject(new Error(`ended before it said ${patterns.join(' and ')}`)))
  })
}

/**
 * What must be the same in two runs of a session: which kinds of lines there are, not how often or
 * in which order: two processes run side by side, and ACKs may be delayed. All numbers may differ.
 */
export function sessionShape(body: string): string[] {
  const lines = body
    .split('\n')
    // Without the read that returns 0: where libuv sees the hang-up after a short read, it saves it.
    .filter(line => !/EAGAIN|unfinished|resumed|"", \d+\) = 0$/.test(line))
    .map(line =>
      line
        .replace(/^\S+-\d+ +\[\d+\] \S+/, 'TASK')
        // Addresses in hex, times, and what is joined by a colon: ports, ranges of numbers.
        .replaceAll(/\b[0-9A-F]{8}:[0-9A-F]{4,8}\b|\d+(\.\d+)*/g, 'N')
        .replaceAll(/N(:N)+/g, 'N')
        .replaceAll(/ +/g, ' ')
        .trim(),
    )
  return [...new Set(lines)].sort()
}
