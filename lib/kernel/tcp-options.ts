/** One option of a TCP header. */
export type TcpOption =
  | { kind: 'end' }
  | { kind: 'no-operation' }
  /** The longest payload that its sender takes (RFC 9293 §3.7.1). */
  | { kind: 'mss'; bytes: number }
  /** The window field of its sender counts in units of 2^shift (RFC 7323 §2). */
  | { kind: 'window-scale'; shift: number }
  | { kind: 'sack-permitted' }
  /** What was received out of order: from the first number up to the last, which is not part of it (RFC 2018). */
  | { kind: 'sack'; blocks: { start: number; end: number }[] }
  | { kind: 'timestamps'; value: number; echo: number }
  /** Empty: a request for a cookie. `experimental`: in the option shared by experiments (RFC 7413 §4.1.1). */
  | { kind: 'fast-open'; cookie: Uint8Array; experimental: boolean }
  /** Another number, or a known one with a length that it cannot have. */
  | { kind: 'unknown'; number: number; data: Uint8Array }

export interface TcpOptions {
  options: TcpOption[]
  /** Where an option begins whose length cannot be: a byte of the options; nothing behind it is read. */
  badAt?: number
}

const END = 0
const NO_OPERATION = 1
const EXPERIMENT = 254
/** Of Fast Open among the experiments that share one option (RFC 6994, RFC 7413). */
const FAST_OPEN_ID = 0xf989

/** Reads the options of a TCP header: what stands behind its first 20 bytes. */
export function decodeTcpOptions(bytes: Uint8Array): TcpOptions {
  const options: TcpOption[] = []
  for (let at = 0; at < bytes.length; ) {
    const number = bytes[at]!
    if (number === END || number === NO_OPERATION) {
      options.push({ kind: number === END ? 'end' : 'no-operation' })
      // Behind the end there is only padding.
      if (number === END) break
      at++
      continue
    }
    const length = bytes[at + 1] ?? 0
    if (length < 2 || at + length > bytes.length) return { options, badAt: at }
    options.push(decodeOption(number, bytes.subarray(at + 2, at + length)))
    at += length
  }
  return { options }
}

function decodeOption(number: number, data: Uint8Array): TcpOption {
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const { length } = data
  if (number === 2 && length === 2) return { kind: 'mss', bytes: view.getUint16(0) }
  if (number === 3 && length === 1) return { kind: 'window-scale', shift: view.getUint8(0) }
  if (number === 4 && length === 0) return { kind: 'sack-permitted' }
  if (number === 5 && length > 0 && length % 8 === 0) {
    const blocks = Array.from({ length: length / 8 }, (_, at) => ({
      start: view.getUint32(at * 8),
      end: view.getUint32(at * 8 + 4),
    }))
    return { kind: 'sack', blocks }
  }
  if (number === 8 && length === 8)
    return { kind: 'timestamps', value: view.getUint32(0), echo: view.getUint32(4) }
  if (number === 34 && isCookie(length))
    return { kind: 'fast-open', cookie: data, experimental: false }
  if (number === EXPERIMENT && isCookie(length - 2) && view.getUint16(0) === FAST_OPEN_ID)
    return { kind: 'fast-open', cookie: data.subarray(2), experimental: true }
  return { kind: 'unknown', number, data }
}

/** A cookie has 4 to 16 bytes, and an even number of them; the request for one has none. */
const isCookie = (length: number): boolean =>
  length === 0 || (length >= 4 && length <= 16 && length % 2 === 0)

/** Options as tcpdump writes them: `mss 65495,sackOK,TS val 7 ecr 0,nop,wscale 10`. */
export function tcpOptionsText({ options, badAt }: TcpOptions): string {
  const bad = badAt === undefined ? [] : ['[bad opt]']
  return [...options.map(optionText), ...bad].join(',')
}

function optionText(option: TcpOption): string {
  switch (option.kind) {
    case 'end':
      return 'eol'
    case 'no-operation':
      return 'nop'
    case 'mss':
      return `mss ${option.bytes}`
    case 'window-scale':
      return `wscale ${option.shift}`
    case 'sack-permitted':
      return 'sackOK'
    case 'sack': {
      const blocks = option.blocks.map(({ start, end }) => `{${start}:${end}}`)
      return `sack ${blocks.length} ${blocks.join('')}`
    }
    case 'timestamps':
      return `TS val ${option.value} ecr ${option.echo}`
    case 'fast-open': {
      const name = option.experimental ? 'exp-tfo' : 'tfo '
      return `${name} ${option.cookie.length === 0 ? 'cookiereq' : `cookie ${hex(option.cookie)}`}`
    }
    case 'unknown': {
      const { number, data } = option
      return `unknown-${number}${data.length > 0 ? ` 0x${hex(data)}` : ''}`
    }
  }
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
