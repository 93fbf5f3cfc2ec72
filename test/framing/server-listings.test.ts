import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { codecs } from '#lib/catalogue/codecs.ts'
import { ROOT } from '#lib/catalogue/index.ts'
import { type Kit, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread } from '../support/slow.ts'
import { examplesOf, framingFiles, withImportsFrom } from './support/examples.ts'

/** Every complete server that a reader finds outside the chapters, and may copy. */
const listings: [where: string, source: string][] = [
  ...framingFiles().flatMap(([name, text]) =>
    examplesOf(text).map((source, at): [string, string] => [`${name}, example ${at + 1}`, source]),
  ),
  ...codecs().map(({ name, example }): [string, string] => [`codec copy ${name}`, example]),
  ...['README.md', ...readdirSync(join(ROOT, 'docs')).map(name => `docs/${name}`)]
    .filter(name => name.endsWith('.md'))
    .flatMap(name => {
      const text = readFileSync(join(ROOT, name), 'utf8')
      return Array.from(text.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, source], at) => {
        return [`${name}, block ${at + 1}`, source!] satisfies [string, string]
      })
    }),
].filter(
  ([, source]) =>
    /\bcreateServer\(/.test(source) &&
    /\bimport\b/.test(source) &&
    // Node's own HTTP server drops a request whose client half-closes: what such a listing shows is its client.
    !/\bcreateServer\b.* from 'node:http'/.test(source),
)

/**
 * Keeps the listing's server when its own client is done: says then where it listens, and what its
 * first client had sent and received.
 */
const KEEPS = `
  import net from 'node:net'
  const { emit, close } = net.Server.prototype
  const sent = []
  const received = []
  let isFirst = true
  net.Server.prototype.emit = function (event, socket) {
    if (event === 'connection' && isFirst) {
      isFirst = false
      const { push, write, end } = socket
      socket.push = function (chunk) {
        if (chunk) sent.push(Buffer.from(chunk))
        return push.apply(this, arguments)
      }
      socket.write = function (chunk) {
        received.push(Buffer.from(chunk))
        return write.apply(this, arguments)
      }
      socket.end = function (chunk) {
        if (chunk && typeof chunk !== 'function') received.push(Buffer.from(chunk))
        return end.apply(this, arguments)
      }
    }
    return emit.apply(this, arguments)
  }
  net.Server.prototype.close = function () {
    const text = list => Buffer.concat(list).toString('base64')
    console.log('ready', this.address().port, text(sent), text(received))
    return this
  }`

const preload = `data:text/javascript,${encodeURIComponent(KEEPS)}`

/** Runs a listing; settles when its own client is done. */
async function serverOf(kit: Kit, source: string) {
  const file = join(kit.folder(), 'listing.ts')
  writeFileSync(file, withImportsFrom(source))
  writeFileSync(join(file, '..', 'package.json'), '{ "type": "module" }')
  const server = kit.program(process.execPath, ['--import', 'tsx', '--import', preload, file])
  const [, port, sent, received] = (await server.line(/^ready /)).split(' ')
  const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64')
  return { server, port: Number(port), sent: bytes(sent), received: bytes(received) }
}

/** What strangers do; `good` is what a client of the server sends. */
const abuses: Record<string, (kit: Kit, port: number, good: Buffer) => Promise<void>> = {
  async 'a reset in the middle of a frame'(kit, port, good) {
    const peer = await kit.connect(port)
    await peer.write(good.subarray(0, Math.ceil(good.length / 2)))
    peer.socket.resetAndDestroy()
  },
  async 'a reset at once'(kit, port) {
    ;(await kit.connect(port)).socket.resetAndDestroy()
  },
  async 'a frame that is cut by a FIN'(kit, port, good) {
    const peer = await kit.connect(port)
    peer.socket.end(good.subarray(0, good.length - 1))
    await peer.closed
  },
  async garbage(kit, port) {
    const peer = await kit.connect(port)
    await peer.write(randomBytes(10_000)).catch(() => {})
    peer.socket.end()
    await peer.closed
  },
  async 'a frame without an end'(kit, port) {
    const peer = await kit.connect(port)
    for (let sent = 0; sent < 32 && !peer.socket.destroyed; sent++) {
      const written = peer.write(Buffer.alloc(65_536, 0xff)).catch(() => {})
      await Promise.race([written, peer.closed])
    }
    peer.socket.destroy()
  },
  async 'a FIN at once'(kit, port) {
    const peer = await kit.connect(port)
    peer.socket.end()
    await peer.closed
  },
  async 'silence, which goes on'(kit, port) {
    await kit.connect(port)
  },
  async 'many who come and go'(kit, port, good) {
    const peers = await Promise.all(Array.from({ length: 50 }, () => kit.connect(port)))
    for (const [at, { socket }] of peers.entries()) {
      if (at % 2) socket.resetAndDestroy()
      else socket.end(good.subarray(0, at % good.length))
    }
    await Promise.all(peers.map(peer => peer.closed))
  },
}

describe.concurrent('a server that a reader may copy', () => {
  test('is found where it is', ({ expect }) => {
    const places = listings.map(([where]) => where)
    expect(places).toContain('codec copy stream')
    expect(places.filter(where => where.startsWith('stream.ts')).length).toBeGreaterThan(1)
    expect(places.some(where => where.startsWith('docs/'))).toBe(true)
  })

  test.for(spread(listings, 4, listings.length))(
    'survives all strangers: %s',
    async ([, source], { expect, kit }) => {
      const { server, port, sent, received } = await serverOf(kit, source)
      for (const [name, abuse] of Object.entries(abuses)) {
        await abuse(kit, port, sent)
        expect(server.running, `after ${name}:\n${server.stderr}`).toBe(true)
      }
      // And it still serves, as it did its first client.
      const good = await kit.connect(port)
      good.socket.end(sent)
      await good.receive(received.toString('latin1'))
      expectNoStack(server.stderr)
    },
  )
})
