import type { SyscallEvent } from '#lib/trace/recording.ts'
import { parseSeconds } from './clock.ts'
import { argumentsText, parseCall, parseDescriptor, pathOf } from './strace-notation.ts'

/** A call on a socket, before anybody knows which program made it. */
export type TracedCall = Omit<SyscallEvent, 'tNs' | 'end' | 'lane' | 'means' | 'count'> & {
  /** Time of day in nanoseconds, at the entry into the kernel. */
  realtimeNs: bigint
  /** The process. */
  pid: number
}

export interface StraceReaderOptions {
  /** The process that strace has started. */
  pid: number
  /** Unix domain sockets are shown where they are bound or connected to this path; else none is. */
  path?: string | undefined
  onCall: (call: TracedCall) => void
}

const LINE = /^(\d+) +(\d+\.\d+) (.*)$/s
const UNFINISHED = /^(.*?) <unfinished \.\.\.>$/s
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)$/s
const TOOK = /^(.*) <(\d+\.\d+)>$/s

/**
 * Reads what strace prints of one program and its children, and picks the calls on its sockets.
 *
 * A call during which another thread ran is printed in two halves: they are joined. Node's own
 * threads look up names and addresses: only what a process does on its main thread is shown.
 */
export class StraceReader {
  readonly #options: StraceReaderOptions
  /** The main threads. Their numbers are those of their processes. */
  readonly #processes: Set<number>
  readonly #unfinished = new Map<number, { realtimeNs: bigint; text: string }>()
  /** Unix domain sockets by process and descriptor: with their socket() until it is known whose. */
  readonly #unix = new Map<string, TracedCall | 'known'>()

  constructor(options: StraceReaderOptions) {
    this.#options = options
    this.#processes = new Set([options.pid])
  }

  /** Takes the next line. */
  push(line: string): void {
    const [, pid, time = '', rest = ''] = LINE.exec(line) ?? []
    if (pid === undefined) return
    const thread = Number(pid)
    const realtimeNs = parseSeconds(time)
    const unfinished = UNFINISHED.exec(rest)?.[1]
    if (unfinished !== undefined) {
      this.#unfinished.set(thread, { realtimeNs, text: unfinished })
      return
    }
    const resumed = RESUMED.exec(rest)
    const start = resumed ? this.#unfinished.get(thread) : undefined
    this.#unfinished.delete(thread)
    if (start) this.#call(thread, start.realtimeNs, `${start.text}${resumed![2]}`)
    else if (!resumed) this.#call(thread, realtimeNs, rest)
  }

  #call(pid: number, realtimeNs: bigint, text: string): void {
    const [, whole = text, took] = TOOK.exec(text) ?? []
    const notation = parseCall(whole)
    if (!notation || !this.#processes.has(pid)) return
    const { call, args, returned } = notation
    if (/^v?fork$|^clone/.test(call)) {
      if (!/CLONE_THREAD/.test(args.join())) this.#processes.add(Number.parseInt(returned, 10))
      return
    }
    const result = returned.startsWith('?') ? undefined : Number.parseInt(returned, 10)
    const error = /^-1 (E\w+)/.exec(returned)?.[1]
    const fd = call === 'socket' ? result : parseDescriptor(args[0])?.fd
    const outcome = result === undefined ? '?' : (error ?? result)
    const traced: TracedCall = {
      ...{ realtimeNs, pid, call },
      text: `${call}(${argumentsText(notation)}) = ${error ? `-1 ${error}` : outcome}`,
      ...(fd === undefined || fd < 0 ? {} : { fd }),
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
      ...(took === undefined ? {} : { tookNs: Number(parseSeconds(took)) }),
    }
    if (this.#isShown(traced, args)) this.#options.onCall(traced)
  }

  #isShown(traced: TracedCall, args: readonly string[]): boolean {
    const { call, pid, fd, result } = traced
    const [first = ''] = args
    if (call === 'socket') {
      if (/^AF_INET6?$/.test(first)) return true
      if (first === 'AF_UNIX' && fd !== undefined) this.#unix.set(`${pid} ${fd}`, traced)
      return false
    }
    const what = parseDescriptor(first)?.what ?? ''
    if (/^(TCP|UDP)(v6)?:/.test(what)) return true
    if (!what.startsWith('UNIX')) return false
    const key = `${pid} ${fd}`
    const known = this.#unix.get(key)
    if (known === undefined) return false
    if (known !== 'known') {
      const path = pathOf(args[1])
      const isOurs = path !== undefined && path === this.#options.path
      // Nothing but bind() or connect() says whose it is.
      if (call === 'close' || (path !== undefined && !isOurs)) this.#unix.delete(key)
      if (!isOurs) return false
      this.#options.onCall(known)
      this.#unix.set(key, 'known')
    }
    if (call.startsWith('accept') && result !== undefined && result >= 0) {
      this.#unix.set(`${pid} ${result}`, 'known')
    }
    if (call === 'close') this.#unix.delete(key)
    return true
  }
}
