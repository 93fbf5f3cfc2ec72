/** What is an IPv6 address, and what only looks like one. */
import { isIPv6 } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** What `net.isIPv6` says to each text. */
  verdicts: Record<string, boolean>
}

const SHORT = '1030:C9B4:FF12:48AA:1A2B'
const WITH_GAP = '1030:C9B4:FF12::48AA:1A2B'

export default experiment<Observation>({
  title: 'net.isIPv6 on a text with too few groups, and on one that says where zeros are missing',
  needs: [],
  claims: [
    {
      id: '1.11',
      essential: false,
      statement: `"${SHORT}" is an IPv6 address.`,
      verdict: 'wrong',
      appliesTo: 'RFC 4291 section 2.2',
      truth:
        'An IPv6 address has eight groups. Fewer can be written only with "::", which stands for as many zeros as are missing.',
      source: 'RFC 4291 section 2.2',
      example: '01/addresses',
      judge: ({ verdicts }) => {
        const words = Object.entries(verdicts).map(
          ([text, is]) => `${text} ${is ? 'is' : 'is not'}`,
        )
        if (!verdicts[WITH_GAP]) return { verdict: 'unclear', observed: words.join('; ') }
        return { verdict: verdicts[SHORT] ? 'holds' : 'wrong', observed: words.join('; ') }
      },
      counterexample: ({ verdicts }) => ({ verdicts: { ...verdicts, [SHORT]: true } }),
    },
  ],

  async run(_lab, observe) {
    const verdicts: Record<string, boolean> = {}
    for (const text of [SHORT, WITH_GAP, '::1']) {
      verdicts[text] = isIPv6(text)
      observe(`net.isIPv6("${text}") is ${verdicts[text]}`)
    }
    return { verdicts }
  },
})
