export {
  isOwnedBy as bearsStamp, ownerOf as stampOf, stampJob, type OwnedData as Stamped, type Owner as JobStamp
} from './owner.js'
