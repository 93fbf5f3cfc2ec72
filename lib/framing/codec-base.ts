/**
 * What codecs are built on: checks of options, memory for frames, and the reader of chunks.
 *
 * Nothing here is for the users of a codec: those find what they need in `frame.ts`.
 */
import { FrameError, type FrameErrorCode, type OnTooLarge } from './frame.ts'

/** 1 MiB: what a frame may hold when the caller sets no limit. */
export const DEFAULT_MAX_FRAME_BYTES = 1024 * 1024

/**
 * Returns `value` when it is a whole number from `least` to `most`.
 *
 * @throws {RangeError} otherwise, with the name and the value of the option.
 */
export function wholeNumber(
  name: string,
  value: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw new RangeError(`${name} is ${value}: expected a whole number from ${least} to ${most}`)
}

/** @throws {RangeError} when `value` is not one of the two. */
export function checkOnTooLarge(value: OnTooLarge): void {
  if (value === 'throw' || value === 'skip') return
  throw new RangeError(`onTooLarge is ${JSON.stringify(value)}: expected "throw" or "skip"`)
}

/** The part of Node's `Buffer` that is used here. Browsers have none, and need none. */
interface BufferKind {
  new (): Uint8Array & {
    toString(encoding: 'utf8', from: number, to: number): string
    write(text: string, offset: number): number
  }
  allocUnsafe(bytes: number): Uint8Array
  allocUnsafeSlow(bytes: number): Uint8Array
  from(memory: ArrayBufferLike, offset: number, bytes: number): Uint8Array
}
export const NodeBuffer = (globalThis as unknown as { Buffer?: BufferKind }).Buffer

/** Tells whether `value` is a `Uint8Array`, also one from another realm. */
function isBytes(value: unknown): boolean {
  if (value instanceof Uint8Array) return true
  return (
    ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]'
  )
}

function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** @throws {TypeError} when a frame is no `Uint8Array`: text has other lengths than its bytes. */
export function checkBytes(frame: Uint8Array, what = 'a frame'): void {
  if (!isBytes(frame)) throw new TypeError(`${what} is a Uint8Array, not ${kindOf(frame)}`)
}

interface ViewKind {
  new (memory: ArrayBufferLike, offset: number, bytes: number): Uint8Array
}
/**
 * The class that Node makes a `Buffer` of: `new` takes half the time of `Buffer.from()` (measured).
 * Where it is `Buffer` itself, whose constructor is deprecated, there is none.
 */
const species = (NodeBuffer as { [Symbol.species]?: ViewKind } | undefined)?.[Symbol.species]
export const BufferView = (species as unknown) === NodeBuffer ? undefined : species

/** Returns a `Buffer` over memory that is there. */
export function bufferOver(memory: ArrayBufferLike, offset: number, bytes: number): Uint8Array {
  if (BufferView !== undefined) return new BufferView(memory, offset, bytes)
  return NodeBuffer!.from(memory, offset, bytes)
}

/**
 * Returns room for `bytes` bytes, as a `Buffer` when `like` is one.
 *
 * The room may hold old data: fill it before anyone sees it.
 */
export function allocLike(like: Uint8Array, bytes: number): Uint8Array {
  return isBuffer(like) ? NodeBuffer!.allocUnsafe(bytes) : new Uint8Array(bytes)
}

interface NodeProcess {
  getBuiltinModule?(
    name: string,
  ): { markAsUntransferable?(memory: ArrayBufferLike): void } | undefined
}
/**
 * Forbids to transfer memory to a worker, as Node does for its own slabs: the frames of others lie
 * there. Node has this since 20.16; nothing is imported, for runtimes that have no such module.
 * Some of those have the function, and return `undefined` from it.
 */
const pin = (globalThis as unknown as { process?: NodeProcess }).process?.getBuiltinModule?.(
  'node:worker_threads',
)?.markAsUntransferable

/** Returns memory in which frames of several owners lie: no worker can be given it. */
export function sharedMemory(bytes: number): ArrayBufferLike {
  const memory = NodeBuffer!.allocUnsafeSlow(bytes).buffer
  pin?.(memory)
  return memory
}

/** Wire frames up to the second size are cut from slabs of the first one. */
const SLAB_BYTES = 32 * 1024
const LARGEST_IN_SLAB_BYTES = 4 * 1024
let slab: ArrayBufferLike = new ArrayBuffer(0)
let slabUsed = 0

/**
 * Returns room for a frame on its way to the wire, as a `Buffer` when `like` is one.
 *
 * The same as `allocLike()`, but small `Buffer`s share slabs of 32 KiB instead of Node's of 8 KiB:
 * that takes two thirds of the time for 1 KiB (measured). A frame that is kept keeps its slab.
 */
export function allocForWire(like: Uint8Array, bytes: number): Uint8Array {
  if (bytes > LARGEST_IN_SLAB_BYTES || !isBuffer(like)) return allocLike(like, bytes)
  // Where slabs cannot be protected: one that was transferred to a worker has no bytes any more.
  if (slabUsed + bytes > slab.byteLength) {
    slab = sharedMemory(SLAB_BYTES)
    slabUsed = 0
  }
  const room = bufferOver(slab, slabUsed, bytes)
  slabUsed += (bytes + 7) & ~7
  return room
}

function isBuffer(bytes: Uint8Array): boolean {
  return NodeBuffer !== undefined && bytes instanceof NodeBuffer
}

/** Below this size room is made at once; above, it grows with the bytes that really came. */
const FIRST_ROOM_BYTES = 1024
/** Larger room is not kept for the next frame. */
const LARGEST_SPARE_BYTES = 16 * 1024
export const NOTHING = new Uint8Array(0)
const NO_MEMORY = NOTHING.buffer

/** Blocks of `BlockList` double from the first size to the largest one, or have room for a piece. */
const FIRST_BLOCK_BYTES = 512
const LARGEST_BLOCK_BYTES = 1024 * 1024

/**
 * The beginning of a frame whose size is not known yet, in blocks that are never moved.
 *
 * Each byte is copied once on the way in, and once more when the whole is known.
 */
export class BlockList {
  /** How many bytes there are. */
  length = 0
  /** The blocks, all full except the last one. */
  #blocks: Uint8Array[] = []
  /** The last block, and how much of it is in use. */
  #block: Uint8Array = NOTHING
  #used = 0

  /** Copies `chunk` from `from` to `to` behind what is there. */
  add(chunk: Uint8Array, from: number, to: number): void {
    this.length += to - from
    for (let at = from; at < to; ) {
      if (this.#used === this.#block.length) this.#addBlock(chunk, to - at)
      const end = Math.min(to, at + this.#block.length - this.#used)
      copy(chunk, at, end, this.#block, this.#used)
      this.#used += end - at
      at = end
    }
  }

  /** Adds one byte. */
  addByte(like: Uint8Array, byte: number): void {
    if (this.#used === this.#block.length) this.#addBlock(like, 1)
    this.#block[this.#used++] = byte
    this.length++
  }

  /** Copies the first `bytes` bytes into `target`. */
  copyTo(target: Uint8Array, bytes: number): void {
    let at = 0
    for (const block of this.#blocks) {
      const end = Math.min(bytes, at + block.length)
      copy(block, 0, end - at, target, at)
      at = end
    }
  }

  /** Returns all in one array, with room for `extra` more bytes behind it, and forgets it. */
  join(extra = 0): Uint8Array {
    let whole = this.#block
    // What came at once needs no second copy.
    if (extra === 0 && this.#blocks.length === 1 && this.#used === whole.length) {
      this.#blocks.length = 0
    } else {
      whole = allocLike(whole, this.length + extra)
      this.copyTo(whole, this.length)
    }
    this.clear()
    return whole
  }

  /** Forgets everything; the first block is kept for the next time, if it is small. */
  clear(): void {
    const small = this.#blocks[0]?.length === FIRST_BLOCK_BYTES
    this.#blocks.length = small ? 1 : 0
    this.#block = this.#blocks[0] ?? NOTHING
    this.#used = 0
    this.length = 0
  }

  #addBlock(like: Uint8Array, least: number): void {
    const size = Math.max(least, FIRST_BLOCK_BYTES * 2 ** this.#blocks.length)
    this.#block = allocLike(like, Math.min(LARGEST_BLOCK_BYTES, size))
    this.#blocks.push(this.#block)
    this.#used = 0
  }
}

/** Copies `source` from `from` to `to` into `target` at `at`. */
function copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): void {
  const bytes = to - from
  if (bytes < 32) for (let i = 0; i < bytes; i++) target[at + i] = source[from + i]!
  else target.set(new Uint8Array(source.buffer, source.byteOffset + from, bytes), at)
}

/**
 * Where the bytes of an array lie.
 *
 * Measured: subarray() takes twice as long as a view that is made from this, as the getters of an
 * array take half of the time.
 */
class BackingMemory {
  memory: ArrayBufferLike = NO_MEMORY
  offset = 0
  isBuffer = false
  #bytes: Uint8Array = NOTHING

  find(bytes: Uint8Array): void {
    if (bytes === this.#bytes) return
    this.#bytes = bytes
    this.memory = bytes.buffer
    this.offset = bytes.byteOffset
    this.isBuffer = isBuffer(bytes)
  }

  forget(): void {
    this.#bytes = NOTHING
    this.memory = NO_MEMORY
    this.offset = 0
    this.isBuffer = false
  }
}

/** A chunk that was pushed before the ones in front of it were read. */
interface QueuedChunk {
  chunk: Uint8Array
  next: QueuedChunk | null
}

/**
 * What the decoders have in common: the chunk that is being read, the chunks that wait behind it,
 * the beginning of a frame whose rest has not come yet, and the error that ended it all.
 *
 * A decoder's `next()` looks for a whole frame in `bytes` between `at` and `limit` first. In every
 * other case `limit` is 0, and a second, slower method goes on, with `ready()` and `fill()`.
 */
export abstract class ChunkReader {
  /** Where the current frame lies: `bytes` from `start` to `endOffset`. */
  start = 0
  endOffset = 0

  /** The next unread byte of `chunk`. */
  protected at = 0
  /** The end of `chunk` while `bytes` is `chunk` and no frame is begun, otherwise 0. */
  protected limit = 0
  protected chunk: Uint8Array = NOTHING
  /** The beginning of a frame that spans chunks: the first `heldBytes` bytes of `held`. */
  protected held: Uint8Array = NOTHING
  protected heldBytes = 0

  readonly #chunkMemory = new BackingMemory()
  readonly #heldMemory = new BackingMemory()
  #bytes: Uint8Array = NOTHING
  /**
   * A frame that spans chunks and is not put together yet: `#headBytes` of it in `#head`, the rest
   * in `chunk` up to `#restEnd`. It is the current one while `at` is `#restEnd`; -1 = none.
   */
  #restEnd = -1
  #head: Uint8Array = NOTHING
  #headBytes = 0
  /** Room that nobody looks at any more, for the next frame that spans chunks. */
  #spare: Uint8Array = NOTHING
  #spareIsBuffer = false
  #first: QueuedChunk | null = null
  #last: QueuedChunk | null = null
  #ended = false
  #failure: FrameError | null = null
  /** Where `chunk` begins in the stream. */
  #chunkOffset = 0

  /** Says what is missing if the stream ends here; `null` between frames. */
  protected abstract describePartialFrame(): string | null

  /** The memory of the current frame. One that spans chunks is put together on the first look. */
  get bytes(): Uint8Array {
    return this.#restEnd === this.at ? this.#joined() : this.#bytes
  }

  protected set bytes(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#restEnd = -1
  }

  push(chunk: Uint8Array): void {
    if (!isBytes(chunk)) {
      throw new TypeError(
        `push() takes a Uint8Array, not ${kindOf(chunk)}: setEncoding() makes text of a stream`,
      )
    }
    if (this.#failure !== null || chunk.length === 0) return
    if (this.#ended) throw new RangeError('push() after end(): the stream was said to be over')
    if (this.at === this.chunk.length && this.#first === null) {
      this.#chunkOffset += this.chunk.length
      this.chunk = chunk
      this.at = 0
      this.limit = 0
      this.#restEnd = -1
      return
    }
    const waiting = { chunk, next: null }
    if (this.#last === null) this.#first = waiting
    else this.#last.next = waiting
    this.#last = waiting
  }

  end(): void {
    this.check()
    this.#ended = true
    if (this.at === this.chunk.length) this.ready()
  }

  /** Returns whether there is an unread byte, in this chunk or at the start of the next one. */
  protected ready(): boolean {
    if (this.at < this.chunk.length) return true
    const first = this.#first
    this.#chunkOffset += this.chunk.length
    this.at = 0
    this.limit = 0
    if (first !== null) {
      this.chunk = first.chunk
      this.#restEnd = -1
      this.#first = first.next
      if (first.next === null) this.#last = null
      return true
    }
    this.chunk = this.bytes = this.#head = NOTHING
    this.#chunkMemory.forget()
    this.#heldMemory.forget()
    if (!this.#ended) return false
    const missing = this.describePartialFrame()
    if (missing === null) return false
    throw this.fail('ERR_FRAME_TRUNCATED', `the stream ended ${missing}`)
  }

  /** Where in the stream the next unread byte is. */
  protected get offset(): number {
    return this.#chunkOffset + this.at
  }

  rest(): Uint8Array {
    this.check()
    const inside = this.describePartialFrame()
    if (inside !== null) throw new RangeError(`rest() ${inside}: read until a frame is complete`)
    return this.takeRest()
  }

  /** Returns all unread bytes, behind those that `kept` holds of them. */
  protected takeRest(kept: BlockList | null = null): Uint8Array {
    const parts: Uint8Array[] = []
    let size = 0
    while (this.ready()) {
      parts.push(this.chunk.subarray(this.at))
      size += this.chunk.length - this.at
      this.at = this.chunk.length
    }
    let end = kept?.length ?? 0
    if (end === 0 && parts.length === 1) return parts[0]!
    const rest = end > 0 ? kept!.join(size) : allocLike(parts[0] ?? NOTHING, size)
    for (const part of parts) {
      rest.set(part, end)
      end += part.length
    }
    return rest
  }

  /**
   * Makes the next `size` bytes of the stream the current frame; `false` = they are not here yet.
   *
   * A frame that arrived whole is looked at where it is. One that spans chunks is copied together
   * in room that is at most four times what has arrived, so a forged size reserves nothing. Growing
   * in steps of `size / 4^k` copies a third of the frame again, at most. With `reuse` nobody keeps
   * the frame: its end is copied on the first look, and its room is that of a later frame.
   */
  protected fill(size: number, reuse = false): boolean {
    for (;;) {
      const have = this.heldBytes
      const here = this.chunk.length - this.at
      if (have === 0 && size <= here) {
        this.bytes = this.chunk
        this.limit = this.chunk.length
        this.start = this.at
        this.at += size
        this.endOffset = this.at
        return true
      }
      if (here === 0) {
        if (!this.ready()) return false
        continue
      }
      if (have + here >= size && reuse) {
        this.#putOff(size)
        return true
      }
      const wanted = Math.min(size, have + here)
      if (wanted > this.held.length) this.#makeRoom(size, wanted)
      this.hold(this.at + wanted - have)
      if (wanted < size) continue
      this.take(0, size)
      return true
    }
  }

  /** Makes `held` large enough for `wanted` of the `size` bytes of a frame. */
  #makeRoom(size: number, wanted: number): void {
    if (this.heldBytes === 0 && size <= this.#spare.length) {
      this.#chunkMemory.find(this.chunk)
      if (this.#spareIsBuffer === this.#chunkMemory.isBuffer) {
        this.held = this.#spare
        return
      }
    }
    let room = size
    while (room > FIRST_ROOM_BYTES && room / 4 >= wanted) room = Math.ceil(room / 4)
    this.grow(room)
  }

  /** Makes a frame of the held bytes and the next ones; those are copied by who looks at `bytes`. */
  #putOff(size: number): void {
    this.at += size - this.heldBytes
    this.#bytes = this.chunk
    this.#restEnd = this.at
    this.#head = this.held
    this.#headBytes = this.heldBytes
    this.limit = this.chunk.length
    this.start = 0
    this.endOffset = size
    this.#keepSpare(this.held)
    this.held = NOTHING
    this.heldBytes = 0
  }

  /** Returns the frame that was put off, in one piece. */
  #joined(): Uint8Array {
    const have = this.#headBytes
    const size = this.endOffset
    if (have === size) return this.#head
    if (size > this.#head.length) {
      const room = allocLike(this.#head, size)
      room.set(this.#head.subarray(0, have))
      this.#head = room
      this.#keepSpare(room)
    }
    this.copy(this.at - size + have, this.at, this.#head, have)
    this.#headBytes = size
    return this.#head
  }

  #keepSpare(room: Uint8Array): void {
    const small = room.length <= LARGEST_SPARE_BYTES
    if (small && room === this.#spare) return
    this.#spare = small ? room : NOTHING
    this.#spareIsBuffer = isBuffer(room)
  }

  /** Returns the current frame as a view, a `Buffer` when its memory came as one. */
  protected view(): Uint8Array {
    const backing = this.bytes === this.chunk ? this.#chunkMemory : this.#heldMemory
    backing.find(this.bytes)
    const from = backing.offset + this.start
    const size = this.endOffset - this.start
    if (backing.isBuffer) return bufferOver(backing.memory, from, size)
    return new Uint8Array(backing.memory, from, size)
  }

  /** Copies `chunk` from `from` to `to` into `target` at `at`. */
  protected copy(from: number, to: number, target: Uint8Array, at: number): void {
    const size = to - from
    const { chunk } = this
    // Measured: a view takes as long as 32 bytes do.
    if (size < 32) {
      for (let i = 0; i < size; i++) target[at + i] = chunk[from + i]!
    } else {
      const backing = this.#chunkMemory
      backing.find(chunk)
      target.set(new Uint8Array(backing.memory, backing.offset + from, size), at)
    }
  }

  /** Gives `held` room for `room` bytes. */
  protected grow(room: number): void {
    const larger = allocLike(this.chunk, room)
    larger.set(this.held.subarray(0, this.heldBytes))
    this.held = larger
  }

  /** Copies `chunk` from `at` to `end` behind the bytes that are held. */
  protected hold(end: number): void {
    this.copy(this.at, end, this.held, this.heldBytes)
    this.heldBytes += end - this.at
    this.at = end
  }

  /** Makes the held bytes from `start` to `end` the current frame. */
  protected take(start: number, end: number): void {
    this.bytes = this.held
    this.limit = 0
    this.start = start
    this.endOffset = end
    if (this.held === this.#spare) this.#spare = NOTHING
    this.held = NOTHING
    this.heldBytes = 0
  }

  /** @throws {FrameError} the error that ended the stream, if there was one. */
  protected check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  /** Ends the stream with an error, to be thrown now and by every later call. */
  protected fail(
    code: FrameErrorCode,
    message: string,
    offset = this.offset,
    status?: number,
  ): FrameError {
    this.#failure = new FrameError(code, message, offset, status)
    this.#first = this.#last = null
    this.chunk = this.bytes = this.held = this.#head = this.#spare = NOTHING
    this.at = this.limit = this.start = this.endOffset = this.heldBytes = 0
    this.#chunkMemory.forget()
    this.#heldMemory.forget()
    return this.#failure
  }
}
