"""只闻声不见面: the portal, where citizens speak, departments act and the desk sees what is late."""
