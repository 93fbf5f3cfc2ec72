import { inject } from 'vitest'

/** Where tests start the kit's commands: a copy of its folder that is compiled already. */
export const KIT = inject('kit')
