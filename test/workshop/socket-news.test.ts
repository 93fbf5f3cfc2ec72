import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { SocketNews } from '#lib/workshop/socket-news.ts'

const YEAR_MS = 3e10

test('SocketNews reads when the number of sockets has changed, and not before', async () => {
  const read = vi.fn(async () => true)
  let count: string | undefined = '1'
  const news = new SocketNews(YEAR_MS, () => count)
  expect(await news.ask(read)).toBe(true)
  expect(await news.ask(read)).toBe(false)
  expect(read).toHaveBeenCalledTimes(1)
  count = '2'
  await vi.waitUntil(() => news.ask(read), 60_000)
  expect(read).toHaveBeenCalledTimes(2)
})

test('SocketNews reads where the number is not known, or the time is over', async () => {
  for (const news of [new SocketNews(YEAR_MS, () => undefined), new SocketNews(0, () => '1')]) {
    for (let n = 0; n < 3; n++) await vi.waitUntil(() => news.ask(async () => true), 60_000)
  }
})

test('SocketNews misses nothing that comes while it reads', async () => {
  let count = '1'
  const news = new SocketNews(YEAR_MS, () => count)
  const first = async () => {
    count = '2'
    return false
  }
  expect(await news.ask(first)).toBe(false)
  await vi.waitUntil(() => news.ask(async () => true), 60_000)
})

test('SocketNews reads for a small part of the time', async () => {
  let count = 0
  const news = new SocketNews(YEAR_MS, () => String(count++))
  let readMs = 0
  const read = async () => {
    const startMs = performance.now()
    while (performance.now() - startMs < 20);
    readMs += performance.now() - startMs
    return false
  }
  const startMs = performance.now()
  while (performance.now() - startMs < 500) {
    await news.ask(read)
    await new Promise(done => setTimeout(done, 1))
  }
  expect(readMs).toBeLessThan((performance.now() - startMs) / 3)
})

test.skipIf(process.platform !== 'linux')(
  'SocketNews hears from Linux of a server that listens (needs Linux)',
  async () => {
    const news = new SocketNews(YEAR_MS)
    await news.ask(async () => true)
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    await vi.waitUntil(() => news.ask(async () => true), 60_000)
  },
)
