import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { waitUntil } from './wait-until.ts'

/** What a helper process talks to the experiment with. */
interface ExperimentChannel {
  /** Sends the experiment a message, with the time at which it happened. */
  send(name: string, value?: unknown): void
  /** Waits for the experiment's next word of that name. */
  receive(name: string): Promise<unknown>
}

/** A message of a helper process. `tNs`: monotonic nanoseconds, the same clock in all processes. */
export interface Message {
  name: string
  value: unknown
  tNs: number
}

/**
 * A program that runs in a process of its own, so that it may block, stop, crash or be killed.
 *
 * It is a function whose source is handed over: it sees its arguments and what it imports itself,
 * nothing else.
 */
export type HelperProgram<Args> = (channel: ExperimentChannel, args: Args) => void | Promise<void>

const PRELUDE = `
globalThis.__name = value => value
const waiting = new Map(), early = new Map()
process.on('message', ({ name, value }) => {
  const next = waiting.get(name)?.shift()
  if (next) next(value)
  else early.set(name, [...(early.get(name) ?? []), value])
})
// Who started us is gone: nobody needs us.
process.on('disconnect', () => process.exit(1))
const channel = {
  send: (name, value) => process.send({ name, value, tNs: Number(process.hrtime.bigint()) }),
  receive: name => new Promise(resolve => {
    const had = early.get(name)?.shift()
    if (had !== undefined) resolve(had)
    else waiting.set(name, [...(waiting.get(name) ?? []), resolve])
  }),
}
`

/** Who is told what the sockets of a helper process do. */
export interface SocketObserver {
  /** Modules that Node loads first, which report on the descriptor that KIT_TRACE_FD names. */
  imports: readonly string[]
  /** Called for each line of their report. */
  onEvent(line: string): void
}

/** A program that runs in a process of its own, and exchanges messages with the experiment. */
export class HelperProcess {
  readonly #child: ChildProcess
  readonly #had = new Map<string, Message[]>()
  readonly #waiting = new Map<string, ((message: Message) => void)[]>()
  readonly #ended: Promise<string>
  #errors = ''

  /**
   * `inside`: a command that runs the rest of its arguments elsewhere, as nsenter does. `observer`:
   * who is told what its sockets do.
   */
  constructor(
    program: string,
    args: unknown,
    inside: readonly string[] = [],
    observer?: SocketObserver,
  ) {
    const source = `${PRELUDE}\nawait (${program})(channel, ${JSON.stringify(args ?? {})})`
    const imports = (observer?.imports ?? []).flatMap(module => ['--import', module])
    const node = [process.execPath, ...imports, '--input-type=module', '-e', source]
    const command = [...inside, ...node]
    this.#child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', ...(observer ? ['pipe' as const] : [])],
      ...(observer && { env: { ...process.env, KIT_TRACE_FD: '4' } }),
    })
    if (observer) {
      const events = this.#child.stdio[4] as Readable
      createInterface({ input: events }).on('line', line => observer.onEvent(line))
    }
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    this.#child.on('message', message => this.#take(message as Message))
    this.#ended = new Promise(resolve => {
      this.#child.once('error', error => resolve(error.message))
      this.#child.once('close', (code, signal) => {
        const error = /^\w*Error\b.*/m.exec(this.#errors)?.[0]
        resolve(error ?? (signal ? `ended by ${signal}` : `exit code ${code}`))
      })
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** The next message of that name: one that came already, or the one to come. */
  async message(name: string): Promise<Message> {
    const had = this.#had.get(name)?.shift()
    if (had) return had
    const next = new Promise<Message>(resolve => {
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve])
    })
    const died = this.#ended.then((how): never => {
      throw new Error(`the other program ended before it said ${name}: ${how}`)
    })
    return Promise.race([next, died])
  }

  /** All messages of that name so far that nobody has waited for. */
  messages(name: string): Message[] {
    return this.#had.get(name) ?? []
  }

  /** Sends the program a message, which it reads with `channel.receive(name)`. */
  send(name: string, value: unknown = true): void {
    this.#child.send({ name, value })
  }

  /**
   * Makes the program stand still, wherever it is, until `resume`: as one that is busy, but not by
   * the clock. The kernel goes on doing its part. Linux only.
   */
  async pause(): Promise<void> {
    this.#child.kill('SIGSTOP')
    await waitUntil('the other program stands still', () =>
      / T /.test(readFileSync(`/proc/${this.pid}/stat`, 'latin1').replace(/^.*\)/, '')),
    )
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** Ends the program with a signal, and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal)
    await this.#ended
  }

  #take(message: Message): void {
    const next = this.#waiting.get(message.name)?.shift()
    if (next) next(message)
    else this.#had.set(message.name, [...this.messages(message.name), message])
  }
}
