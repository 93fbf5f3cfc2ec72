/** Makes one of everything, says so, and then never ends by itself. */
import { createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

export default experiment({
  title: 'never ends',
  needs: ['namespace', 'nft', 'tcpdump'],
  claims: [],
  async run(lab, observe) {
    await lab.routedNetwork()
    observe('network')
    await lab.drop('tcp dport 9')
    observe('rule')
    await lab.capture('tcp')
    observe('capture')
    createServer().listen(0, '127.0.0.1')
    // A program that does not listen to us any more.
    lab.start(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    }, {})
    observe('everything')
    await new Promise(() => {})
  },
})
