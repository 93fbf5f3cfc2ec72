/** Frames to a Node stream, with back-pressure: `send()`, `sendAll()` and `end()` of `framed()`. */
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { bufferOver, sharedMemory } from './codec-base.ts'
import {
  closed,
  coded,
  type Framed,
  type FrameIterator,
  ignore,
  SENT,
  type Sender,
} from './stream-types.ts'

/** Its methods may be taken off it. Each is made at the first use: most connections need one. */
export class FramedSocket<In, Out> implements Framed<In, Out> {
  readonly frames: FrameIterator<In>
  readonly #writer: FrameWriter<Out>
  #send: Framed<In, Out>['send'] | null = null
  #sendAll: Framed<In, Out>['sendAll'] | null = null

  constructor(socket: Duplex, codec: Sender<Out>, frames: FrameIterator<In>) {
    this.frames = frames
    this.#writer = new FrameWriter(socket, codec)
  }

  get send(): Framed<In, Out>['send'] {
    this.#send ??= frame => this.#writer.send(frame)
    return this.#send
  }

  get sendAll(): Framed<In, Out>['sendAll'] {
    this.#sendAll ??= frames => this.#writer.sendAll(frames)
    return this.#sendAll
  }

  get end(): Framed<In, Out>['end'] {
    return () => this.#writer.end()
  }
}

class FrameWriter<Frame> {
  readonly #socket: Duplex
  readonly #codec: Sender<Frame>
  #waiting: { resolve(): void; reject(error: unknown): void }[] | null = null
  #ending: Promise<void> | null = null
  /** Whether frames wait to be written together with those that are sent before the next await. */
  #corked = false

  constructor(socket: Duplex, codec: Sender<Frame>) {
    this.#socket = socket
    this.#codec = codec
    // The error shows in send() and end(): they look at the socket.
    socket.on('error', ignore)
  }

  send(frame: Frame): Promise<void> {
    let wire: Uint8Array
    try {
      wire = this.#codec.encode(frame)
    } catch (error) {
      return Promise.reject(error)
    }
    const refusal = this.#refusal()
    if (refusal !== null) return quiet(Promise.reject(refusal))
    if (!this.#corked) this.#cork()
    return this.#socket.write(wire) ? SENT : this.#drained()
  }

  sendAll(frames: Iterable<Frame>): Promise<void> {
    const socket = this.#socket
    const room = handsToKernel(socket) ? KERNEL_ROOM : ROOM
    let wires: Uint8Array[]
    try {
      wires = encodeAll(this.#codec, frames, room)
    } catch (error) {
      return Promise.reject(error)
    }
    if (wires.length === 0) return SENT
    const refusal = this.#refusal()
    if (refusal !== null) return quiet(Promise.reject(refusal))
    const wants = wires.length === 1 ? socket.write(wires[0]) : writeTogether(socket, wires)
    if (room === KERNEL_ROOM && socket.writableLength === 0) room.giveBack()
    return wants ? SENT : this.#drained()
  }

  end(): Promise<void> {
    const socket = this.#socket
    this.#ending ??= quiet(
      new Promise((resolve, reject) => {
        if (socket.writableFinished) resolve()
        else if (socket.errored || socket.destroyed) reject(socket.errored ?? closed())
        else {
          // Node does not always call back when the socket is destroyed before its end.
          watch(socket, resolve, reject, 'finish')
          socket.end()
        }
      }),
    )
    return this.#ending
  }

  /** Returns why nothing can be sent; `null` = it can. */
  #refusal(): Error | null {
    const socket = this.#socket
    // Without allowHalfOpen Node itself ends the socket when the peer does.
    if (socket.writableEnded) return afterEnd()
    return socket.destroyed ? (socket.errored ?? closed()) : null
  }

  /**
   * Keeps frames together that are sent without waiting in between: one system call for all of them
   * takes a fraction of the time of one for each (measured: `npm run bench -- sockets-64`).
   *
   * The reaction is queued before `send()` returns, so it runs before the caller goes on behind
   * `await send()`: what was awaited is written even if the socket is destroyed next.
   */
  #cork(): void {
    this.#corked = true
    this.#socket.cork()
    SENT.then(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  /** Waits until the socket wants more; there is no 'drain' after its end. */
  #drained(): Promise<void> {
    const waiting = this.#waiting ?? []
    if (this.#waiting === null) {
      this.#waiting = waiting
      const settle = (): void => {
        this.#waiting = null
      }
      watch(
        this.#socket,
        () => {
          settle()
          for (const { resolve } of waiting) resolve()
        },
        error => {
          settle()
          for (const { reject } of waiting) reject(error)
        },
        'drain',
        'finish',
      )
    }
    return quiet(new Promise((resolve, reject) => waiting.push({ resolve, reject })))
  }
}

/** Calls one of the two when the first of the events comes, or the socket dies before. */
function watch(
  socket: Duplex,
  succeed: () => void,
  fail: (error: unknown) => void,
  ...events: string[]
): void {
  const stop = (): void => {
    for (const event of events) socket.off(event, done)
    socket.off('error', died).off('close', died)
  }
  const done = (): void => {
    stop()
    succeed()
  }
  const died = (error?: unknown): void => {
    stop()
    fail(error instanceof Error ? error : (socket.errored ?? closed()))
  }
  for (const event of events) socket.on(event, done)
  socket.on('error', died).on('close', died)
}

/** Writes all in one system call if it takes them; `false` = the socket wants no more for now. */
function writeTogether(socket: Duplex, wires: readonly Uint8Array[]): boolean {
  socket.cork()
  for (const wire of wires) socket.write(wire)
  const { writableNeedDrain } = socket
  socket.uncork()
  return !writableNeedDrain
}

/**
 * Whether bytes that were written, and do not count as `writableLength`, are the kernel's: nobody
 * looks at that memory again. Other streams may keep what they were given, a subclass of `Socket`
 * and a `write()` of somebody's own too.
 */
function handsToKernel(socket: Duplex): boolean {
  return (
    Object.getPrototypeOf(socket) === Socket.prototype && socket.write === Duplex.prototype.write
  )
}

/** Room for what a format adds to a frame, besides a 64th of its size; a guess that may be wrong. */
const ADDED_BYTES = 16

/** Memory for frames that are sent together: they are written into slabs, one behind the other. */
class Room {
  readonly #slabBytes: number
  readonly #largestBytes: number
  #slab: ArrayBufferLike = new ArrayBuffer(0)
  #used = 0
  /** Where the part of the slab begins that was taken last. */
  #last = 0

  constructor(slabBytes: number, largestBytes: number) {
    this.#slabBytes = slabBytes
    this.#largestBytes = largestBytes
  }

  /** Returns room for so many bytes, which is free until `take()`; `null` = that is too much. */
  offer(bytes: number): Uint8Array | null {
    if (bytes > this.#largestBytes) return null
    if (this.#used + bytes > this.#slab.byteLength) {
      this.#slab = sharedMemory(this.#slabBytes)
      this.#used = 0
    }
    return bufferOver(this.#slab, this.#used, bytes)
  }

  /** Takes the first bytes of the room that was offered. */
  take(bytes: number): void {
    this.#last = this.#used
    this.#used += (bytes + 7) & ~7
  }

  /** Frees what was taken last. */
  giveBack(): void {
    this.#used = this.#last
  }
}

const ROOM = new Room(128 * 1024, 32 * 1024)
/**
 * Of what goes to the kernel at once the memory is used over and over, so that it stays in the
 * processor's cache and there is no garbage: half of the time for frames of 1 KiB to 64 KiB
 * (measured).
 */
const KERNEL_ROOM = new Room(256 * 1024, 80 * 1024)

/**
 * Returns the frames as they go on the wire: in one piece if the codec writes into one.
 *
 * What was taken last of `memory` lies in these bytes, or it is nothing.
 */
function encodeAll<Frame>(
  codec: Sender<Frame>,
  frames: Iterable<Frame>,
  memory: Room,
): Uint8Array[] {
  const all = Array.isArray(frames) ? (frames as readonly Frame[]) : [...frames]
  memory.take(0)
  const least = memory === KERNEL_ROOM ? 1 : 2
  if (all.length < least || codec.encodeInto === undefined) return all.map(one => codec.encode(one))
  let size = 0
  for (const frame of all as readonly { length: number }[]) size += frame.length + ADDED_BYTES
  size += size >>> 6
  // A character may take three bytes. Where that is too much room, what does not fit goes alone.
  const most = typeof all[0] === 'string' ? 3 * size : size
  const offered = memory.offer(most) ?? memory.offer(size)
  if (offered === null && all.length === 1) return [codec.encode(all[0]!)]
  const room = offered ?? Buffer.allocUnsafeSlow(size)
  const wires: Uint8Array[] = []
  let start = 0
  let end = 0
  for (const frame of all) {
    const next = codec.encodeInto(frame, room, end)
    if (next !== -1) {
      end = next
      continue
    }
    if (end > start) wires.push(room.subarray(start, end))
    wires.push(codec.encode(frame))
    start = end
  }
  if (end > start) wires.push(room.subarray(start, end))
  if (offered !== null) memory.take(end)
  return wires
}

/** A lost connection is no unhandled rejection: the loop over the frames ends with it, too. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  return promise
}

function afterEnd(): Error {
  return coded('ERR_STREAM_WRITE_AFTER_END', 'send() after the end of what can be sent')
}
