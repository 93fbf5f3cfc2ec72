import { existsSync } from 'node:fs'
import { Inconclusive, Lab } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

/** What a call says that is not allowed to change anything. */
function refusal(call: () => void): string {
  try {
    call()
    return 'nothing'
  } catch (error) {
    return error instanceof Inconclusive ? error.message : String(error)
  }
}

export default experiment<Record<string, unknown>>({
  title: 'kernel parameters that an experiment needs, and that are others',
  needs: ['namespace'],
  claims: [],
  async run(lab) {
    const timer = 'net.ipv4.tcp_rto_min_us'
    const hasTimer = existsSync(`/proc/sys/${timer.replaceAll('.', '/')}`)
    lab.sysctl('net.ipv4.tcp_wmem', '4096 5000 9000000')
    lab.sysctl('net.ipv4.tcp_notsent_lowat', 16_384)
    if (hasTimer) lab.sysctl(timer, 9_000_000)
    lab.sysctl('net.ipv4.tcp_syncookies', 2)
    lab.sysctl('net.ipv4.tcp_max_tw_buckets', 3)
    lab.sysctl('net.core.somaxconn', 2)
    // In the same network, but as if it were the host's.
    const host = new Lab(false)
    const needs = ['needBuffers', 'needTimers', 'needTimeWait', 'needAcceptQueue'] as const
    const ask = () => needs.map(need => refusal(() => host[need]()))
    const refusals = ask()
    for (const need of needs) lab[need]()
    return {
      refusals,
      hasTimer,
      wmem: lab.sysctl('net.ipv4.tcp_wmem'),
      unsent: lab.sysctl('net.ipv4.tcp_notsent_lowat'),
      timer: hasTimer ? lab.sysctl(timer) : '200000',
      // Nothing is left to refuse.
      cookies: lab.sysctl('net.ipv4.tcp_syncookies'),
      timeWaits: lab.sysctl('net.ipv4.tcp_max_tw_buckets'),
      queue: lab.sysctl('net.core.somaxconn'),
      afterwards: ask(),
    }
  },
})
