import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { parseTcpTable } from '#lib/kernel/tcp-table.ts'
import {
  type SampledStep,
  StateSampler,
  startSampling,
  tableLookup,
} from '#lib/observe/sample-states.ts'
import { hasProc } from '../cli/terminal.ts'

/** A table of sockets as the kernel prints it: local and remote port, and the number of the state. */
const tableOf = (...sockets: [number, number, number][]) =>
  parseTcpTable(
    [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      ...sockets.map(([local, remote, state]) => {
        const [from, to, st] = [local, remote, state].map(number => number.toString(16))
        return `   0: 0100007F:${from} 0100007F:${to} 0${st} 00000000:00000000 00:00000000 00000000 0 0 1`
      }),
    ].join('\n'),
  )

const told = (steps: readonly SampledStep[]) =>
  steps.map(({ tNs, from, to, local }) => `${tNs} ${local.split(':')[1]} ${from} ${to}`)

test('StateSampler tells what has changed between two samples', () => {
  const sampler = new StateSampler()
  expect(told(sampler.push(tableOf([7020, 0, 10]), 1))).toEqual(['1 7020 CLOSED LISTEN'])
  expect(told(sampler.push(tableOf([7020, 0, 10]), 2))).toEqual([])
  const both = tableOf([7020, 0, 10], [7020, 4000, 1], [4000, 7020, 1])
  expect(told(sampler.push(both, 3))).toEqual([
    '3 7020 CLOSED ESTABLISHED',
    '3 4000 CLOSED ESTABLISHED',
  ])
  expect(told(sampler.push(tableOf([4000, 7020, 6]), 4))).toEqual([
    '4 4000 ESTABLISHED TIME-WAIT',
    '4 7020 LISTEN CLOSED',
    '4 7020 ESTABLISHED CLOSED',
  ])
})

test.skipIf(!hasProc)(
  'startSampling sees real sockets come and go (needs /proc/net/tcp)',
  async () => {
    const steps: SampledStep[] = []
    const sampling = startSampling(step => steps.push(step))
    const server = createServer(peer => peer.resume()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client: Socket = connect(port, '127.0.0.1')
    const [peer] = (await once(server, 'connection')) as [Socket]
    const at = `127.0.0.1:${port}`
    const stepsOf = (address: string) =>
      steps.filter(({ local }) => local === address).map(({ to }) => to)
    await vi.waitFor(() => expect(stepsOf(at)).toEqual(['LISTEN', 'ESTABLISHED']), 60_000)
    client.end()
    await once(peer, 'close')
    await once(client, 'close')
    server.close()
    sampling.stop()
    expect(stepsOf(at).slice(-2)).toEqual(['CLOSED', 'CLOSED'])

    const own = steps.find(({ remote }) => remote === at)!.local
    expect(stepsOf(own).at(-1)).toBe('TIME-WAIT')
    const lookUp = tableLookup()
    const now = Number(process.hrtime.bigint())
    expect(lookUp(own, at, now)).toBe('TIME-WAIT')
    expect(lookUp(at, own, now)).toBeUndefined()
  },
)
