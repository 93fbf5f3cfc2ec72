/** Why the rest of a packet could not be decoded. */
export interface Undecoded {
  /** `cut`: the capture has fewer bytes than the packet had; `malformed`: the packet itself is wrong. */
  why: 'cut' | 'malformed'
  /** What is missing or wrong: `TCP header`, `IPv4 header length of 8 bytes`. */
  what: string
  /** At which byte of the frame. */
  offset: number
}

/** Thrown while a packet is decoded; `decodeFrame` turns it into the packet's `undecoded`. */
export class DecodeError extends Error {
  readonly undecoded: Undecoded

  constructor(why: Undecoded['why'], what: string, offset: number) {
    super(`${why}: ${what} at byte ${offset}`)
    this.undecoded = { why, what, offset }
  }
}

/**
 * The bytes of a frame from one of its headers on. Numbers are in network byte order.
 *
 * A layer ends where the header around it says, which may be beyond what was captured: `length` is
 * what the packet had, `captured` what of it is there.
 */
export class PacketBytes {
  readonly #view: DataView
  /** Where this begins in the frame. */
  readonly offset: number
  readonly captured: number
  readonly length: number

  /** `length`: how many bytes there were on the wire. */
  constructor(frame: Uint8Array, length = frame.length, offset = 0) {
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.length)
    this.offset = offset
    this.length = Math.max(0, length)
    this.captured = Math.max(0, Math.min(frame.length - offset, this.length))
  }

  /**
   * Makes sure that the next `count` bytes are there.
   *
   * @throws {DecodeError} naming what they should have been.
   */
  need(count: number, what: string): void {
    if (count <= this.captured) return
    const why = count <= this.length ? 'cut' : 'malformed'
    throw new DecodeError(why, what, this.offset + this.captured)
  }

  u8(at: number): number {
    return this.#view.getUint8(this.offset + at)
  }

  u16(at: number): number {
    return this.#view.getUint16(this.offset + at)
  }

  u32(at: number): number {
    return this.#view.getUint32(this.offset + at)
  }

  /** The number in the byte order of the machine that captured: only NULL headers have such. */
  u32LittleEndian(at: number): number {
    return this.#view.getUint32(this.offset + at, true)
  }

  /** What was captured of the bytes from `at` to `end`. */
  slice(at: number, end = this.captured): Uint8Array {
    const from = this.#view.byteOffset + this.offset
    const until = Math.max(at, Math.min(end, this.captured))
    return new Uint8Array(this.#view.buffer, from + at, until - at)
  }

  /** What begins at `at`, and has `length` bytes: without it, all that is left. */
  from(at: number, length = this.length - at): PacketBytes {
    const frame = new Uint8Array(
      this.#view.buffer,
      this.#view.byteOffset,
      Math.min(this.#view.byteLength, this.offset + this.captured),
    )
    return new PacketBytes(frame, length, this.offset + at)
  }
}
