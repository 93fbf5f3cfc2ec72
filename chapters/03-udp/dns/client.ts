/**
 * DNS client: asks a name server over UDP, and over TCP when the answer was too long.
 *
 *   npm run 03:dns:client
 *   npm run 03:dns:client -- --name www.kit.test --type AAAA
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIPv6 } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnanswered } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import {
  DnsFormatError,
  decodeMessage,
  decodeName,
  encodeMessage,
  encodeName,
  IN,
  type Message,
  RCODES,
  type ResourceRecord,
  TYPES,
} from './message.ts'

const serverCommand = 'npm run 03:dns:server'
const options = readOptions({
  command: 'npm run 03:dns:client',
  does: 'Asks a name server, and shows how the answer came.',
  flags: {
    host,
    port: { ...port(7036, 'UDP and TCP port'), min: 1 },
    name: { default: '', help: 'the name to ask for; without it, four questions that teach' },
    type: { default: 'A', help: `what to ask for: ${Object.keys(TYPES).join(', ')}` },
    'timeout-ms': { default: 1000, min: 1, max: 60_000, help: 'how long to wait for an answer' },
    attempts: { default: 3, min: 1, max: 10, help: 'how often to ask before giving up' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
async function ask(name: string, type: number): Promise<void> {
  const query = encodeMessage({
    ...EMPTY,
    id: randomInt(0x10000), // whoever wants to forge an answer has to guess it
    questions: [{ name, type, class: IN }],
  })
  let bytes = await overUdp(query)
  let how = `${bytes.length} bytes over UDP`
  if (decodeMessage(bytes).truncated) {
    bytes = await overTcp(query)
    how = `${how}, truncated; ${bytes.length} bytes over TCP`
  }
  const { rcode, answers } = decodeMessage(bytes)
  console.log(`${name} ${typeName(type)}: ${RCODES[rcode] ?? rcode}, ${how}`)
  for (const record of answers.slice(0, 2)) console.log(`  ${showRecord(record)}`)
  if (answers.length > 2) console.log(`  and ${answers.length - 2} more`)
}

async function overUdp(query: Buffer): Promise<Buffer> {
  const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
  socket.on('error', error => exitCannotConnect(error, where, serverCommand))
  socket.connect(options.port, options.host)
  await once(socket, 'connect')
  try {
    for (let attempt = 1; attempt <= options.attempts; attempt++) {
      socket.send(query)
      const signal = AbortSignal.timeout(options['timeout-ms'])
      try {
        for (;;) {
          const [answer] = await once(socket, 'message', { signal })
          if (answers(answer, query)) return answer
        }
      } catch {
        // Lost, the question or the answer. The same question once more does no harm.
      }
    }
    return exitUnanswered(where, options.attempts * options['timeout-ms'], serverCommand)
  } finally {
    socket.close()
  }
}

async function overTcp(query: Buffer): Promise<Buffer> {
  const socket = connect({ host: options.host, port: options.port })
  const { frames, send } = framed(socket, lengthPrefix({ prefixBytes: 2 }))
  socket.setTimeout(options['timeout-ms'], () => {
    exitUnanswered(where, options['timeout-ms'], serverCommand)
  })
  try {
    await once(socket, 'connect')
    await send(query)
    for await (const answer of frames) if (answers(answer, query)) return Buffer.from(answer)
    return exitUnanswered(where, options['timeout-ms'], serverCommand)
  } catch (error) {
    return exitCannotConnect(error as Error, where, serverCommand)
  } finally {
    socket.destroy()
  }
}
// #endregion client

/** Whether these bytes answer that query: the same id, and the same question. */
function answers(bytes: Uint8Array, query: Buffer): boolean {
  try {
    const [answer, asked] = [decodeMessage(bytes), decodeMessage(query)]
    const same = JSON.stringify(answer.questions) === JSON.stringify(asked.questions)
    return answer.response && answer.id === asked.id && same
  } catch {
    return false
  }
}

const EMPTY: Message = {
  id: 0,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  rcode: 0,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
}

const typeName = (type: number) => Object.entries(TYPES).find(([, code]) => code === type)?.[0]

function showRecord({ name, type, ttl, data }: ResourceRecord): string {
  return `${name} ${typeName(type) ?? type}, for ${ttl} s: ${showData(type, data)}`
}

function showData(type: number, data: Uint8Array): string {
  const bytes = Buffer.from(data)
  if (type === TYPES.A) return [...data].join('.')
  if (type === TYPES.AAAA) return (bytes.toString('hex').match(/..../g) ?? []).join(':')
  if (type === TYPES.TXT) return `${JSON.stringify(bytes.toString('utf8', 1, 13))} …`
  if (type === TYPES.NS || type === TYPES.CNAME) return decodeName(data)
  return bytes.toString('hex')
}

const wrongUse = (message: string): never => {
  console.error(message)
  process.exit(2)
}

if (options.name === '') {
  await ask('www.kit.test', TYPES.A)
  await ask('long.kit.test', TYPES.TXT)
  await ask('nobody.kit.test', TYPES.A)
  await ask('example.com', TYPES.A)
} else {
  const types = Object.keys(TYPES).join(', ')
  const type = Object.entries(TYPES).find(([name]) => name === options.type.toUpperCase())?.[1]
  if (type === undefined) wrongUse(`--type needs one of ${types}, got "${options.type}"`)
  try {
    if (!/^[\x21-\x7e]+$/.test(options.name)) {
      throw new DnsFormatError('names are ASCII; others are written as xn--… (Punycode)')
    }
    encodeName(options.name)
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error
    wrongUse(`--name needs a domain name, got "${options.name}": ${error.message}`)
  }
  await ask(options.name, type!)
}
