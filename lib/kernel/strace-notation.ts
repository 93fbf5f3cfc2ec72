import { endpoint } from '#lib/program/endpoint.ts'

/** One system call as strace prints it, taken apart. */
export interface CallNotation {
  call: string
  args: string[]
  /** What stands behind `=`: `6`, `-1 EAGAIN (Resource temporarily unavailable)`, `?`. */
  returned: string
}

const CLOSING: Record<string, string> = { '(': ')', '[': ']', '{': '}' }

/** `write(21<TCP:[…]>, "hello\n", 6) = 6`; undefined for what is no call. */
export function parseCall(text: string): CallNotation | undefined {
  const call = /^(\w+)\(/.exec(text)?.[1]
  if (call === undefined) return undefined
  const args: string[] = []
  const end = scan(text, call.length + 1, arg => args.push(arg))
  const returned = /^\) *= (.*)$/.exec(text.slice(end))?.[1]
  return returned === undefined ? undefined : { call, args, returned }
}

/** Finds what is separated by commas, up to the bracket that closes; returns where that stands. */
function scan(text: string, start: number, found: (part: string) => void): number {
  const open: string[] = []
  let from = start
  let at = start
  for (; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') at = endOfString(text, at)
    else if (CLOSING[character]) open.push(CLOSING[character])
    else if (character === open.at(-1)) open.pop()
    else if (open.length > 0) continue
    else if (character === ',') {
      found(text.slice(from, at).trim())
      from = at + 1
    } else if (character === ')' || character === ']' || character === '}') break
  }
  const last = text.slice(from, at).trim()
  if (last !== '') found(last)
  return at
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

/** The parts of `[a, b]` or `{a, b}`; none for anything else. */
function partsOf(text: string): string[] {
  const parts: string[] = []
  if (text.startsWith('[') || text.startsWith('{')) scan(text, 1, part => parts.push(part))
  return parts
}

/** `19<TCP:[127.0.0.1:7020]>`: the descriptor, and what it stands for. */
export function parseDescriptor(text = ''): { fd: number; what: string } | undefined {
  const [, fd, what = ''] = /^(\d+)<(.*)>$/.exec(text) ?? []
  return fd === undefined ? undefined : { fd: Number(fd), what }
}

/** The path of a Unix domain address. */
export function pathOf(address = ''): string | undefined {
  return /sun_path=@?"((?:[^"\\]|\\.)*)"/.exec(address)?.[1]
}

/** `{sa_family=AF_INET, sin_port=htons(7020), …}` as a learner writes it: `127.0.0.1:7020`. */
function addressText(text: string): string {
  const port = /_port=htons\((\d+)\)/.exec(text)?.[1]
  const address = /inet_addr\("(.*?)"\)|inet_pton\(AF_INET6, "(.*?)"/.exec(text)
  if (port !== undefined && address) return endpoint(address[1] ?? address[2], Number(port))
  const path = pathOf(text)
  if (path !== undefined) return `"${path}"`
  return text.includes('AF_UNSPEC') ? 'AF_UNSPEC' : text
}

const ESCAPES: Record<string, number> = { n: 10, t: 9, r: 13, v: 11, f: 12 }

/** A string of strace's; bytes that are readable text in UTF-8 become that, with `…` where cut. */
function stringText(text: string): string {
  const [, inside = '', cut = ''] = /^"(.*)"(\.\.\.)?$/s.exec(text) ?? []
  const bytes: number[] = []
  for (const [all, octal, escaped] of inside.matchAll(/\\(?:([0-7]{1,3})|(.))|[^\\]/gs)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8))
    else bytes.push(...(ESCAPES[escaped!] ? [ESCAPES[escaped!]!] : Buffer.from(escaped ?? all)))
  }
  const dots = cut === '' ? '' : '…'
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const decoded = decoder.decode(Uint8Array.from(bytes), { stream: cut !== '' })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are no readable text
    if (!/[\u0000-\u0008\u000e-\u001f\u007f-\u009f]/.test(decoded)) {
      return `${JSON.stringify(decoded).slice(0, -1)}${dots}"`
    }
  } catch {}
  return `"${inside}${dots}"`
}

const iovecText = (text: string): string =>
  `[${partsOf(text)
    .map(part => stringText(/iov_base=("(?:[^"\\]|\\.)*"(?:\.\.\.)?)/s.exec(part)?.[1] ?? '""'))
    .join(', ')}]`

/** Of `struct msghdr`: the address and the bytes. */
function messageText(text: string): string[] {
  const name = partsOf(text).find(part => part.startsWith('msg_name={'))
  const vector = partsOf(text).find(part => part.startsWith('msg_iov=['))
  return [
    ...(name === undefined ? [] : [addressText(name)]),
    ...(vector === undefined ? [] : [iovecText(vector.slice('msg_iov='.length))]),
  ]
}

/** Of the vector of `sendmmsg` and `recvmmsg`: the same for each. */
const messagesText = (text: string): string[] =>
  partsOf(text).flatMap(part => messageText(partsOf(part)[0]?.replace(/^msg_hdr=/, '') ?? ''))

/** The flag says what happens at execve(), which is no matter here. */
const flagsText = (text = ''): string =>
  text
    .split('|')
    .filter(flag => flag !== 'SOCK_CLOEXEC')
    .join('|')

const isNothing = (text: string): boolean => text === '' || text === 'NULL' || text === '0'

/** The arguments of a call, short: addresses as text, without lengths that say nothing new. */
export function argumentsText({ call, args }: CallNotation): string {
  const [first = '', ...rest] = args
  if (call === 'socket') return [first, flagsText(rest[0]), '0'].join(', ')
  const fd = String(parseDescriptor(first)?.fd ?? first)
  return [fd, ...restText(call, rest)].join(', ')
}

function restText(call: string, rest: readonly string[]): string[] {
  const [second = '', third = '', fourth = '', fifth = ''] = rest
  switch (call) {
    case 'bind':
    case 'connect':
      return [addressText(second)]
    case 'accept':
    case 'accept4':
      return [flagsText(fourth)].filter(text => !isNothing(text))
    case 'read':
    case 'write':
      // A read that failed has an address there, and no bytes to show.
      return [bufferText(second), third].filter(text => !text.startsWith('0x'))
    case 'recvfrom':
    case 'sendto':
      return [
        ...[bufferText(second), third],
        ...[fourth, addressText(fifth)].filter(text => !isNothing(text)),
      ]
    case 'readv':
    case 'writev':
      return [iovecText(second)]
    case 'recvmsg':
    case 'sendmsg':
      return [...messageText(second), third].filter(text => !isNothing(text))
    case 'recvmmsg':
    case 'sendmmsg':
      return messagesText(second)
    case 'setsockopt':
    case 'getsockopt':
      return [second, third, fourth]
    default:
      return [...rest]
  }
}

const bufferText = (text: string): string => (text.startsWith('"') ? stringText(text) : text)
