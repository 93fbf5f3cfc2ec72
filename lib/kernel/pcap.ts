/**
 * The classic pcap format, as `tcpdump -w` writes it:
 *
 *     file     magic:4  version:2+2  unused:4+4  snapshot length:4  link type:4    24 bytes
 *     packet   seconds:4  fraction:4  captured length:4  original length:4         16 bytes
 *              the captured bytes
 *
 * The magic number says in which byte order the file was written, and whether the fraction counts
 * microseconds or nanoseconds.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/
 */
import type { CapturedFrame } from '#lib/trace/captured-frame.ts'

/** What the header of a capture file says about all its packets. */
export interface PcapHeader {
  linkType: number
  /** At most so many bytes of each packet were captured. */
  snapBytes: number
  littleEndian: boolean
  nanoseconds: boolean
}

/** A capture file is not what it should be; `offset`: of the byte at which that shows. */
export class PcapError extends Error {
  override readonly name = 'PcapError'
  readonly code: 'ERR_PCAP_FORMAT' | 'ERR_PCAP_MALFORMED' | 'ERR_PCAP_TRUNCATED'
  readonly offset: number

  constructor(code: PcapError['code'], message: string, offset: number) {
    super(`${message} (at byte ${offset})`)
    this.code = code
    this.offset = offset
  }
}

const FILE_HEADER_BYTES = 24
const RECORD_HEADER_BYTES = 16
/** The largest snapshot length that libpcap uses (MAXIMUM_SNAPLEN). No packet can be longer. */
const MAX_FRAME_BYTES = 262_144
const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
const MAGIC_PCAPNG = 0x0a0d0d0a
/** The upper bits of that field tell about a frame check sequence. */
const LINK_TYPE_MASK = 0xffff

/**
 * Reads the packets of a capture file, also of one that is still being written.
 *
 * `push` takes bytes as they come, `read` returns the next packet, or `null` when more bytes are
 * needed, and `end` says that none will come. Whatever is wrong with the file is thrown as a
 * `PcapError`, and thrown again from then on.
 *
 * @example
 * ```ts
 * const reader = new PcapReader()
 * for await (const chunk of tcpdump.stdout) {
 *   reader.push(chunk)
 *   for (let frame = reader.read(); frame; frame = reader.read()) console.log(decodeFrame(frame))
 * }
 * reader.end()
 * ```
 */
export class PcapReader {
  #header: PcapHeader | undefined
  /** The bytes that have not been read yet stand between `start` and `end`. */
  #buffer = new Uint8Array(4096)
  #start = 0
  #end = 0
  /** Where `start` is in the file. */
  #offset = 0
  #error: PcapError | undefined

  /** What the file says about itself, as soon as that was read. */
  get header(): PcapHeader | undefined {
    return this.#header
  }

  /** Takes the next bytes of the file. They are copied. */
  push(chunk: Uint8Array): void {
    this.#makeRoom(chunk.length)
    this.#buffer.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /**
   * The next packet, or `null` when it has not come whole yet.
   *
   * @throws {PcapError} ERR_PCAP_FORMAT when this is no pcap file, ERR_PCAP_MALFORMED when a
   * packet's header cannot be right.
   */
  read(): CapturedFrame | null {
    if (this.#error) throw this.#error
    this.#header ??= this.#readHeader()
    if (this.#header === undefined || this.#size < RECORD_HEADER_BYTES) return null
    const { linkType, littleEndian, nanoseconds } = this.#header
    const view = this.#view()
    const field = (at: number) => view.getUint32(at, littleEndian)
    const [seconds, fraction, length, bytesOnWire] = [field(0), field(4), field(8), field(12)]
    const perSecond = nanoseconds ? 1_000_000_000 : 1_000_000
    if (fraction >= perSecond)
      throw this.#malformed(`a time of ${fraction} ${perSecond}ths of a second`, 4)
    if (length > MAX_FRAME_BYTES)
      throw this.#malformed(`a packet of ${length} bytes; ${MAX_FRAME_BYTES} are possible`, 8)
    if (this.#size < RECORD_HEADER_BYTES + length) return null
    const from = this.#start + RECORD_HEADER_BYTES
    const bytes = this.#buffer.slice(from, from + length)
    this.#skip(RECORD_HEADER_BYTES + length)
    const fractionNs = BigInt(fraction) * (nanoseconds ? 1n : 1000n)
    return { timeNs: BigInt(seconds) * 1_000_000_000n + fractionNs, linkType, bytes, bytesOnWire }
  }

  /**
   * No more bytes will come.
   *
   * @throws {PcapError} ERR_PCAP_TRUNCATED when the file ends inside its header or inside a packet.
   */
  end(): void {
    if (this.#error) throw this.#error
    this.#header ??= this.#readHeader()
    if (this.#header !== undefined && this.#size === 0) return
    const what = this.#header ? 'a packet' : 'its header'
    const said = `the capture file ends inside ${what}`
    throw this.#fail(new PcapError('ERR_PCAP_TRUNCATED', said, this.#offset + this.#size))
  }

  #readHeader(): PcapHeader | undefined {
    if (this.#size < FILE_HEADER_BYTES) {
      // What is no capture file at all may be shorter, and is told by its first bytes.
      if (this.#size >= 4) this.#byteOrder()
      return undefined
    }
    const { littleEndian, nanoseconds } = this.#byteOrder()
    const view = this.#view()
    const version = [view.getUint16(4, littleEndian), view.getUint16(6, littleEndian)]
    if (version.join('.') !== '2.4') {
      const said = `pcap version ${version.join('.')}; only 2.4 can be read`
      throw this.#fail(new PcapError('ERR_PCAP_FORMAT', said, 4))
    }
    const snapBytes = view.getUint32(16, littleEndian)
    const linkType = view.getUint32(20, littleEndian) & LINK_TYPE_MASK
    this.#skip(FILE_HEADER_BYTES)
    return { linkType, snapBytes, littleEndian, nanoseconds }
  }

  #byteOrder(): Pick<PcapHeader, 'littleEndian' | 'nanoseconds'> {
    for (const littleEndian of [true, false]) {
      const magic = this.#view().getUint32(0, littleEndian)
      if (magic === MAGIC_MICROSECONDS) return { littleEndian, nanoseconds: false }
      if (magic === MAGIC_NANOSECONDS) return { littleEndian, nanoseconds: true }
    }
    const magic = this.#view().getUint32(0)
    const said =
      magic === MAGIC_PCAPNG
        ? 'a pcapng file, and only pcap can be read: editcap -F pcap converts it'
        : `no pcap file: it begins with ${magic.toString(16).padStart(8, '0')}`
    throw this.#fail(new PcapError('ERR_PCAP_FORMAT', said, 0))
  }

  get #size(): number {
    return this.#end - this.#start
  }

  #view(): DataView {
    return new DataView(this.#buffer.buffer, this.#buffer.byteOffset + this.#start, this.#size)
  }

  #skip(count: number): void {
    this.#start += count
    this.#offset += count
  }

  /** Doubles the buffer where it is full: reading stays linear, however the file comes in pieces. */
  #makeRoom(count: number): void {
    if (this.#end + count <= this.#buffer.length) return
    const needed = this.#size + count
    const target =
      needed * 2 <= this.#buffer.length
        ? this.#buffer
        : new Uint8Array(Math.max(needed, this.#buffer.length) * 2)
    target.set(this.#buffer.subarray(this.#start, this.#end))
    this.#buffer = target
    this.#end = this.#size
    this.#start = 0
  }

  #malformed(said: string, at: number): PcapError {
    const error = new PcapError('ERR_PCAP_MALFORMED', `this cannot be: ${said}`, this.#offset + at)
    return this.#fail(error)
  }

  #fail(error: PcapError): PcapError {
    this.#error = error
    return error
  }
}
