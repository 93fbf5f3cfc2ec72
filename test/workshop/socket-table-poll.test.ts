import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { SocketTablePoll } from '#lib/workshop/socket-table-poll.ts'

const YEAR_MS = 3e10

test('SocketTablePoll reads when the number of sockets has changed, and not before', async () => {
  const read = vi.fn(async () => true)
  let count: string | undefined = '1'
  const table = new SocketTablePoll(YEAR_MS, () => count)
  expect(await table.poll(read)).toBe(true)
  expect(await table.poll(read)).toBe(false)
  expect(read).toHaveBeenCalledTimes(1)
  count = '2'
  await vi.waitUntil(() => table.poll(read), 60_000)
  expect(read).toHaveBeenCalledTimes(2)
})

test('SocketTablePoll reads where the number is not known, or the time is over', async () => {
  for (const table of [
    new SocketTablePoll(YEAR_MS, () => undefined),
    new SocketTablePoll(0, () => '1'),
  ]) {
    for (let n = 0; n < 3; n++) await vi.waitUntil(() => table.poll(async () => true), 60_000)
  }
})

test('SocketTablePoll misses nothing that comes while it reads', async () => {
  let count = '1'
  const table = new SocketTablePoll(YEAR_MS, () => count)
  const first = async () => {
    count = '2'
    return false
  }
  expect(await table.poll(first)).toBe(false)
  await vi.waitUntil(() => table.poll(async () => true), 60_000)
})

test('SocketTablePoll reads for a small part of the time', async () => {
  let count = 0
  const table = new SocketTablePoll(YEAR_MS, () => String(count++))
  let readMs = 0
  const read = async () => {
    const startMs = performance.now()
    while (performance.now() - startMs < 20);
    readMs += performance.now() - startMs
    return false
  }
  const startMs = performance.now()
  while (performance.now() - startMs < 500) {
    await table.poll(read)
    await new Promise(done => setTimeout(done, 1))
  }
  expect(readMs).toBeLessThan((performance.now() - startMs) / 3)
})

test.skipIf(process.platform !== 'linux')(
  'SocketNews hears from Linux of a server that listens (needs Linux)',
  async () => {
    const table = new SocketTablePoll(YEAR_MS)
    await table.poll(async () => true)
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    await vi.waitUntil(() => table.poll(async () => true), 60_000)
  },
)
