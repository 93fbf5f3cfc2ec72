import { describe, expect, test } from 'vitest'
import { type Step, TimeWait } from '#lib/observe/time-wait.ts'

const CLIENT = '127.0.0.1:40000'
const SERVER = '127.0.0.1:7020'

/** `client FIN-WAIT-1 FIN-WAIT-2` as a step. */
const step = (text: string, tNs: number): Step => {
  const [end, from = '', to = ''] = text.split(' ')
  const [local, remote] = end === 'client' ? [CLIENT, SERVER] : [SERVER, CLIENT]
  return { tNs, from, to, local, remote }
}

/** What becomes of steps when the kernel's table lists the client in that state. */
function complete(steps: readonly string[], state: string | undefined): string[] {
  const timeWait = new TimeWait<Step>(local => (local === CLIENT ? state : undefined))
  return steps
    .flatMap((text, at) => timeWait.push(step(text, at)))
    .map(({ tNs, from, to, local }) => {
      return `${tNs} ${local === CLIENT ? 'client' : 'server'} ${from} ${to}`
    })
}

describe('TimeWait', () => {
  const close = [
    'client ESTABLISHED FIN-WAIT-1',
    'client FIN-WAIT-1 FIN-WAIT-2',
    'server CLOSE-WAIT LAST-ACK',
    'client FIN-WAIT-2 CLOSED',
    'server LAST-ACK CLOSED',
  ]

  test('says TIME-WAIT where the kernel keeps the connection after both have sent their FIN', () => {
    expect(complete(close, 'TIME-WAIT')).toEqual([
      '0 client ESTABLISHED FIN-WAIT-1',
      '1 client FIN-WAIT-1 FIN-WAIT-2',
      '2 server CLOSE-WAIT LAST-ACK',
      '3 client FIN-WAIT-2 TIME-WAIT',
      '4 server LAST-ACK CLOSED',
    ])
  })

  test('says CLOSED where the kernel has nothing left: a reset, or no wait', () => {
    expect(complete(close, undefined).map(text => text.slice(2))).toEqual(close)
  })

  test('says TIME-WAIT after CLOSING too', () => {
    const steps = [
      'client ESTABLISHED FIN-WAIT-1',
      'server ESTABLISHED FIN-WAIT-1',
      'client FIN-WAIT-1 CLOSING',
      'client CLOSING CLOSED',
    ]
    expect(complete(steps, 'TIME-WAIT').at(-1)).toBe('3 client CLOSING TIME-WAIT')
  })

  test('stays in FIN-WAIT-2 when only the program has left, until the FIN of the peer', () => {
    const steps = [
      'client FIN-WAIT-1 FIN-WAIT-2',
      'client FIN-WAIT-2 CLOSED',
      'server CLOSE-WAIT LAST-ACK',
      'server LAST-ACK CLOSED',
    ]
    expect(complete(steps, 'TIME-WAIT')).toEqual([
      '0 client FIN-WAIT-1 FIN-WAIT-2',
      '2 server CLOSE-WAIT LAST-ACK',
      '3 client FIN-WAIT-2 TIME-WAIT',
      '3 server LAST-ACK CLOSED',
    ])
  })

  test('says CLOSED where such a one was reset by the peer', () => {
    let state: string | undefined = 'FIN-WAIT-2'
    const timeWait = new TimeWait<Step>(() => state)
    expect(timeWait.push(step('client FIN-WAIT-2 CLOSED', 1))).toEqual([])
    state = undefined
    expect(timeWait.push(step('server CLOSE-WAIT CLOSED', 2))).toEqual([
      step('client FIN-WAIT-2 CLOSED', 2),
      step('server CLOSE-WAIT CLOSED', 2),
    ])
  })

  test('does not mistake a FIN of an earlier connection for one of this', () => {
    const steps = ['server ESTABLISHED FIN-WAIT-1', 'server LISTEN SYN-RECEIVED']
    expect(complete([...steps, 'client FIN-WAIT-2 CLOSED'], 'FIN-WAIT-2')).toHaveLength(2)
  })
})
