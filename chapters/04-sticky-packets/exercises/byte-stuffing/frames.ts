/** Frames as they are on the wire, and conversations made of them. */
import { exactDialogue } from '#lib/workshop/many-clients.ts'

export const END = 0xc0
export const ESC = 0xdb
export const LIMIT = 1024

/** A SLIP frame, with END behind it only. */
export function frame(payload: string | Uint8Array): Buffer {
  const wire = Array.from(Buffer.from(payload)).flatMap(byte => {
    if (byte === END) return [ESC, 0xdc]
    return byte === ESC ? [ESC, 0xdd] : [byte]
  })
  return Buffer.from([...wire, END])
}

/** The payloads of whole frames in any bytes, with END behind them. */
export function payloadsIn(bytes: Buffer): Buffer[] {
  // In Latin-1 each character is a byte.
  const frames = bytes.toString('latin1').split('\xc0')
  const whole = frames.filter(one => one !== '' && /^(?:[^\xdb]|\xdb[\xdc\xdd])*$/s.test(one))
  return whole.map(one => {
    const payload = one.replaceAll(/\xdb(.)/gs, (_, byte) => (byte === '\xdc' ? '\xc0' : '\xdb'))
    return Buffer.from(payload, 'latin1')
  })
}

/** A payload with escapes in it, and a number to know it by. */
const payloadOf = (n: number) => Buffer.concat([Buffer.from([ESC, END]), Buffer.from(`${n}:c`)])
export const DIALOGUE = exactDialogue(
  n => frame(payloadOf(n)),
  n => frame(payloadOf(n).reverse()),
)
/** The same with payloads as long as they may be. */
const longPayload = (n: number) => Buffer.from(`${n}`.padEnd(LIMIT, '-=+'))
export const LONG_DIALOGUE = exactDialogue(
  n => frame(longPayload(n)),
  n => frame(longPayload(n).reverse()),
)
