// Stands in until the real module is merged.
export const jwksFetch = Symbol('jwksFetch')
