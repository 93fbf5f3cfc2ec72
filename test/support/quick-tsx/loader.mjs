/**
 * Takes the place of tsx in the copy of the kit that quick tests run: the kit's own files have been
 * compiled already. A program from elsewhere, a learner's for instance, gets tsx itself.
 */
import * as module from 'node:module'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'

const kit = new URL('../../', import.meta.url).href
const [, program = ''] = process.argv
const isForeign = program.endsWith('.ts') && !pathToFileURL(program).href.startsWith(kit)

if (isForeign) await import('./real/dist/loader.mjs')
else if (module.registerHooks) module.registerHooks(await import('./hooks.mjs'))
else if (isMainThread) module.register('./hooks.mjs', import.meta.url)
