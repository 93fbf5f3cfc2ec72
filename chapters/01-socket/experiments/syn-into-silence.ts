/** What a client does when nothing at all answers, with less patience than usual. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  code: string
  afterS: number
  /** Seconds between one SYN and the next. */
  gaps: number[]
  /** The parameters in force here, and those of this kernel by default. */
  retries: number
  linear: number
  usual: { retries: number; linear: number }
}

/** When connect gives up: the first timeouts are of one second, each later one doubles. */
function patience({ retries, linear }: { retries: number; linear: number }): number {
  let total = 0
  for (let timeout = 0, length = 1; timeout <= retries + linear; timeout++) {
    total += length
    if (timeout >= linear) length *= 2
  }
  return total
}

export default experiment<Observation>({
  title: 'a SYN into silence, with tcp_syn_retries = 1 and tcp_syn_linear_timeouts = 1',
  needs: ['namespace', 'nft', 'tcpdump'],
  claims: [
    {
      id: '1.26',
      essential: false,
      statement: 'A client that gets no answer to its SYN fails with ETIMEDOUT after 75 seconds.',
      verdict: 'depends',
      truth:
        'It does fail, but how long that takes is a kernel parameter: the SYN is repeated, at first every second, then at doubled intervals.',
      source: 'tcp(7), tcp_syn_retries; kernel documentation, tcp_syn_linear_timeouts',
      judge: ({ code, afterS, gaps, retries, linear, usual }) => {
        const observed = `${code} after ${afterS.toFixed(1)} s, ${gaps.length + 1} SYNs, with ${gaps.map(gap => gap.toFixed(0)).join(' and ')} s between; this kernel’s defaults make that ${patience(usual)} s`
        if (code !== 'ETIMEDOUT') return { verdict: 'wrong', observed }
        const expected = patience({ retries, linear })
        if (Math.abs(afterS - expected) > 1) return { verdict: 'unclear', observed }
        return { verdict: patience(usual) === 75 ? 'holds' : 'depends', observed }
      },
      counterexample: seen => ({ ...seen, code: 'ECONNREFUSED' }),
    },
  ],

  async run(lab, observe) {
    const read = (name: string, otherwise: number) => {
      try {
        return Number(lab.sysctl(name))
      } catch {
        return otherwise // older kernels do not have it
      }
    }
    const usual = {
      retries: read('net.ipv4.tcp_syn_retries', 6),
      linear: read('net.ipv4.tcp_syn_linear_timeouts', 0),
    }
    lab.sysctl('net.ipv4.tcp_syn_retries', 1)
    const linear = usual.linear > 0 ? Number(lab.sysctl('net.ipv4.tcp_syn_linear_timeouts', 1)) : 0
    await lab.drop('tcp dport 7000')
    const capture = await lab.capture('tcp port 7000')
    observe('every segment to port 7000 is lost')
    const startMs = monotonicMs()
    const client = connect({ port: 7000, host: '127.0.0.1' })
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
    const afterS = (monotonicMs() - startMs) / 1000
    observe(`${error.code} after ${afterS.toFixed(1)} s`)
    const times = (await capture.stop()).map(({ tNs }) => tNs / 1e9)
    const gaps = times.slice(1).map((time, at) => time - times[at]!)
    observe(`${times.length} SYNs`)
    return { code: error.code ?? '', afterS, gaps, retries: 1, linear, usual }
  },
})
