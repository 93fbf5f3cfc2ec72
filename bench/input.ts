/**
 * What the candidates are fed: frames of known bytes, written in the format a candidate reads and
 * cut into chunks of 64 KiB that do not begin or end where a frame does.
 *
 * The writers below are the benchmark's own, so that no candidate is measured on its own output.
 */

import { Random } from '../lib/program/random.ts'

const chunkBytes = 64 * 1024

/** One block of the stream. It ends with a whole frame, so a candidate can be fed it again. */
export interface Input {
  chunks: Buffer[]
  /** The same bytes in one piece, for the loops that know nothing of chunks. */
  whole: Buffer
  payloads: Buffer[]
  wireBytes: number
}

/** Random bytes, the same in every run. */
export function randomBytes(count: number, seed = 1): Buffer {
  return new Random(seed).bytes(count)
}

/** Printable ASCII, the usual content of a line. */
export function randomText(count: number, seed = 1): Buffer {
  const bytes = randomBytes(count, seed)
  for (let i = 0; i < count; i++) bytes[i] = 0x20 + (bytes[i]! % 95)
  return bytes
}

/** How one format writes one frame. */
export type Writer = (payload: Buffer) => Buffer

export const uint32be: Writer = payload => {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(payload.length)
  return Buffer.concat([prefix, payload])
}

export const uint32le: Writer = payload => {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(payload.length)
  return Buffer.concat([prefix, payload])
}

/** The format of length-prefix-framed-stream: one byte, or a marker and 2 or 4 bytes. */
export const markedLength: Writer = payload => {
  if (payload.length < 0xfd) return Buffer.concat([Buffer.of(payload.length), payload])
  const small = payload.length <= 0xffff
  const prefix = Buffer.alloc(small ? 3 : 5)
  prefix[0] = small ? 0xfd : 0xfe
  if (small) prefix.writeUInt16LE(payload.length, 1)
  else prefix.writeUInt32LE(payload.length, 1)
  return Buffer.concat([prefix, payload])
}

export const base128: Writer = payload => {
  const prefix: number[] = []
  let rest = payload.length
  while (rest > 0x7f) {
    prefix.push((rest & 0x7f) | 0x80)
    rest = Math.floor(rest / 128)
  }
  return Buffer.concat([Buffer.of(...prefix, rest), payload])
}

export const endedBy =
  (ending: string): Writer =>
  payload =>
    Buffer.concat([payload, Buffer.from(ending, 'latin1')])

/** RFC 1055: END after every frame, END and ESC inside it escaped. */
export const slipEscaped: Writer = payload => {
  const wire: number[] = []
  for (const byte of payload) {
    if (byte === 0xc0) wire.push(0xdb, 0xdc)
    else if (byte === 0xdb) wire.push(0xdb, 0xdd)
    else wire.push(byte)
  }
  return Buffer.from([...wire, 0xc0])
}

/** Cuts bytes as they would come from sockets: each chunk has memory of its own. */
function cut(whole: Buffer, size = chunkBytes): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < whole.length; at += size) {
    const part = whole.subarray(at, at + size)
    const chunk = Buffer.allocUnsafeSlow(part.length)
    chunk.set(part)
    chunks.push(chunk)
  }
  return chunks
}

/** About `wireBytes` of frames that all hold `payloadBytes`, written by `write`. */
export function block(
  payloadBytes: number,
  write: Writer,
  make: (count: number, seed: number) => Buffer = randomBytes,
  wireBytes = 1024 * 1024,
): Input {
  const payloads: Buffer[] = []
  const frames: Buffer[] = []
  let total = 0
  for (let seed = 1; total < wireBytes; seed++) {
    const payload = make(payloadBytes, seed)
    const frame = write(payload)
    payloads.push(payload)
    frames.push(frame)
    total += frame.length
  }
  const whole = Buffer.concat(frames)
  return { chunks: cut(whole), whole, payloads, wireBytes: whole.length }
}
